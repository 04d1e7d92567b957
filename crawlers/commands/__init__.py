"""Scrapy's commands that this project replaces."""
