"""All that a crawl imports, for the process whose forks crawl; pauses are short there.

Nothing waits in these tests for a real server, and tests of politeness look at the true values.
"""

import benchmarks.crawlers.imported  # noqa: F401
from crawlers.network import politeness
from crawlers.spiders import unit_run

politeness.FIRST_PAUSE_S = 0.1
unit_run.RETRY_EVERY_S = 0.2
