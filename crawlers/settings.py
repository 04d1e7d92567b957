"""Scrapy's settings that are the same for every crawl.

`crawlers.network.scrapy_settings` adds those that follow from `pipelines.yaml`: limits, timeouts, the User-Agent.
"""

BOT_NAME = "shutterprint"
SPIDER_MODULES = ["crawlers.spiders"]
COMMANDS_MODULE = "crawlers.commands"

DOWNLOAD_VERIFY_CERTIFICATES = True  # Scrapy's default accepts any certificate

# Retries, pauses and limits per host are one concern: the second middleware.
DOWNLOADER_MIDDLEWARES = {"crawlers.network.hosts.AllowedHosts": 20, "crawlers.network.politeness.Politeness": 890}
# Scrapy's own lists without what is not used here: it loads whatever they name, even if it is switched off, and a
# remote control, cookies and robots.txt cost a quarter of a second and 20 MB. The spiders use documented APIs and the
# files that these name, as the sites' terms provide for; robots.txt is for crawlers that follow links.
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
