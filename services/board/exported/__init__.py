"""Every KPI family of /metrics, one entry each; docs/metrics.md has the same table.

Parts rather than ratios, so that rules can add up and divide; a ratio only where the policy or a window decides what
it is made of. Tickets are counted by queue, few things by channel too, and nothing by agent.
"""

from services.board.exported.people import CONTACTS, PEOPLE
from services.board.exported.resolution import RESOLUTION
from services.board.exported.speed import BACKLOG, PROMISES, SPEED
from services.board.exported.worth import ECONOMY, QUALITY

FAMILIES = (*BACKLOG, *SPEED, *CONTACTS, *RESOLUTION, *PROMISES, *PEOPLE, *QUALITY, *ECONOMY)
