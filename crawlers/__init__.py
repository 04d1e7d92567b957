"""The Scrapy project: spiders for photo sites and folders, vetting at the door, originals kept as they were served."""
