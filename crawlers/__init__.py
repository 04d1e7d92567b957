"""The Scrapy project: spiders for photo sites and folders, vetting before download, originals kept as served."""
