"""What a process counts while it works, for Prometheus. `partner_portal.metrics` shows it.

Several processes of one server add up when PROMETHEUS_MULTIPROC_DIR names a folder before this is imported: gunicorn.conf.py
and `partner_portal.worker_metrics` do that. Labels have few values, and none of them names a person or a partner.
"""

from prometheus_client import Counter, Histogram

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TASK_SECONDS_UP_TO = (0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 1800)

REQUESTS = Counter("portal_requests", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("portal_request_seconds", "Time until the answer began.", ["route"], buckets=SECONDS)
QUERIES = Counter("portal_request_queries", "Database queries made for requests.", ["route"])
QUERY_SECONDS = Counter("portal_request_query_seconds", "Time that these queries took.", ["route"])
CACHE_READS = Counter("portal_cache_reads", "Reads of calculated figures from the cache.", ["outcome"])
REPLICA_READS = Counter(
    "portal_replica_reads", "Answers of a read replica, and those that the primary gave instead.", ["outcome"]
)
TASKS = Counter("portal_tasks", "Tasks that a worker ended.", ["task", "outcome"])
TASK_SECONDS = Histogram("portal_task_seconds", "Time that tasks took.", ["task"], buckets=TASK_SECONDS_UP_TO)
MAILS = Counter("portal_mails", "Mails given to the mail server.", ["outcome"])
