"""Scrapy's settings that are the same for every crawl; those of `pipelines.yaml` are laid over them.

`crawlers.spider.scrapy_settings` adds what the section `crawl` says: limits, timeouts, the User-Agent.
"""

BOT_NAME = "shutterprint"
SPIDER_MODULES = ["crawlers.spiders"]
COMMANDS_MODULE = "crawlers.commands"

# The spiders ask documented APIs and the files those name, as the sites' terms of use provide for; robots.txt is
# written for crawlers that follow links, and forbids API paths to all of them.
ROBOTSTXT_OBEY = False
COOKIES_ENABLED = False
DOWNLOAD_VERIFY_CERTIFICATES = True  # Scrapy's default accepts any
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False  # a server that runs any Python code sent to it; on by default since Scrapy 2.19
AUTOTHROTTLE_ENABLED = False  # the limits of `crawl` are what the sites ask for
METAREFRESH_ENABLED = False

# Retries, pauses and the limit a host are one concern and live in one place.
RETRY_ENABLED = False
DOWNLOADER_MIDDLEWARES = {
    "crawlers.hosts.AllowedHosts": 20,
    "crawlers.politeness.Politeness": 890,
}
DOWNLOAD_DELAY_JITTER = 0.0  # a pause may not be shorter than the one configured
DOWNLOAD_FAIL_ON_DATALOSS = True
DOWNLOAD_WARNSIZE = 0
DEFAULT_REQUEST_HEADERS = {"Accept": "*/*"}

LOG_LEVEL = "INFO"
LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"
LOG_VERSIONS: list[str] = []
LOGSTATS_INTERVAL = 0  # counts pages; the spiders say how many photos
STATS_DUMP = False
