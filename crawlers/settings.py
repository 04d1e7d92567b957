"""Scrapy's settings that are the same for every crawl; those of `pipelines.yaml` are laid over them.

`crawlers.network.scrapy_settings.scrapy_settings` adds what the section `crawl` says: limits, timeouts, the User-Agent.
"""

BOT_NAME = "shutterprint"
SPIDER_MODULES = ["crawlers.spiders"]
COMMANDS_MODULE = "crawlers.commands"

DOWNLOAD_VERIFY_CERTIFICATES = True  # Scrapy's default accepts any

# Retries, pauses and the limit a host are one concern and live in one place.
DOWNLOADER_MIDDLEWARES = {
    "crawlers.network.hosts.AllowedHosts": 20,
    "crawlers.network.politeness.Politeness": 890,
}
# What Scrapy adds by itself, less what is not used here: whatever these lists name is loaded, even if it is switched
# off, and a remote control, cookies and robots.txt cost a quarter of a second and 20 MB. The spiders ask documented
# APIs and the files those name, as the sites' terms provide for; robots.txt is for crawlers that follow links.
DOWNLOADER_MIDDLEWARES_BASE = {
    "scrapy.downloadermiddlewares.downloadtimeout.DownloadTimeoutMiddleware": 350,
    "scrapy.downloadermiddlewares.defaultheaders.DefaultHeadersMiddleware": 400,
    "scrapy.downloadermiddlewares.useragent.UserAgentMiddleware": 500,
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": 590,
    "scrapy.downloadermiddlewares.redirect.RedirectMiddleware": 600,
    "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": 750,
    "scrapy.downloadermiddlewares.stats.DownloaderStats": 850,
}
EXTENSIONS_BASE = {"scrapy.extensions.corestats.CoreStats": 0}
TWISTED_DNS_RESOLVER = "crawlers.network.hosts.PublicResolver"
REDIRECT_MAX_TIMES = 5
DOWNLOAD_FAIL_ON_DATALOSS = True
DOWNLOAD_WARNSIZE = 0
DEFAULT_REQUEST_HEADERS = {"Accept": "*/*"}

LOG_LEVEL = "INFO"
LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"
LOG_VERSIONS: list[str] = []
STATS_DUMP = False
