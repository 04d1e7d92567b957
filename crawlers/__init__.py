"""The Scrapy project: spiders for photo sites and folders, photos vetted from their first bytes, originals as served."""
