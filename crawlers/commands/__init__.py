"""Scrapy's commands, where this project needs them honest."""
