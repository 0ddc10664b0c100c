"""What becomes of tickets."""

from services.board import readings as read
from services.board import sliding
from services.board.families import Counter, Family, Gauge, Histogram
from services.board.scrape import CHANNEL, QUEUE

RESOLUTION_S = (300, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400, 172_800, 259_200, 604_800)

RESOLUTION: tuple[Family, ...] = (
    Counter(
        "deskpulse_tickets_opened_total", QUEUE, "Tickets opened, without those merged away.", read.flow("opened")
    ),
    Counter("deskpulse_tickets_merged_away_total", QUEUE, "Tickets merged into another.", read.flow("merged_away")),
    Counter("deskpulse_tickets_solved_total", QUEUE, "Tickets solved for the first time.", read.flow("solved")),
    Counter(
        "deskpulse_tickets_resolved_total", QUEUE, "Changes from unsolved to solved or closed.", read.flow("resolved")
    ),
    Counter(
        "deskpulse_tickets_reopened_total",
        QUEUE,
        "Changes from solved or closed back to unsolved.",
        read.flow("reopened"),
    ),
    Counter(
        "deskpulse_tickets_solved_reopened_total",
        QUEUE,
        "Tickets that were solved and reopened at least once.",
        read.flow("reopened_tickets"),
    ),
    Counter(
        "deskpulse_tickets_solved_now_total",
        QUEUE,
        "Tickets whose last solve stands. A reopening takes it back until the next solve.",
        read.flow("solved_now"),
    ),
    Counter(
        "deskpulse_tickets_one_touch_total",
        QUEUE,
        "Tickets whose last solve stands and that took one public reply by an agent.",
        read.flow("one_touch"),
    ),
    Counter(
        "deskpulse_tickets_came_back_total",
        (*QUEUE, "window"),
        "Tickets solved, and not at the first contact: the customer came back in time, or what else `fcr` says.",
        read.flows(read.fcr_windows),
    ),
    Gauge(
        "deskpulse_fcr_matured_tickets",
        (*QUEUE, "window"),
        "Tickets first solved in the `rolling_window_days` that ended one window ago.",
        sliding.first_contact(resolved=False),
    ),
    Gauge(
        "deskpulse_fcr_resolved_tickets",
        (*QUEUE, "window"),
        "Of the matured tickets those that were resolved at the first contact, now certain.",
        sliding.first_contact(resolved=True),
    ),
    Histogram(
        "deskpulse_first_resolution_seconds",
        QUEUE,
        "Calendar time from the creation to the first solve.",
        "first_resolution",
        RESOLUTION_S,
    ),
    Histogram(
        "deskpulse_resolution_seconds",
        CHANNEL,
        "Calendar time from the creation to the last solve, of tickets solved now.",
        "resolution",
        RESOLUTION_S,
    ),
    Histogram(
        "deskpulse_resolution_business_seconds",
        QUEUE,
        "Opening time from the creation to the last solve, of tickets solved now.",
        "resolution_business",
        RESOLUTION_S,
    ),
    Gauge(
        "deskpulse_resolution_window_seconds",
        (*QUEUE, "window", "stat"),
        "Percentiles of the resolutions in a sliding window, within 1 %. They are never to be averaged.",
        sliding.percentiles("resolution"),
    ),
    Histogram(
        "deskpulse_requester_wait_seconds",
        QUEUE,
        "Time in new, open and on hold, of tickets solved now: the customer waited.",
        "requester_wait",
        RESOLUTION_S,
    ),
    Histogram(
        "deskpulse_agent_work_seconds",
        QUEUE,
        "Time in new and open, of tickets solved now.",
        "agent_work",
        RESOLUTION_S,
    ),
    Histogram(
        "deskpulse_agent_wait_seconds",
        QUEUE,
        "Time in pending, of tickets solved now: agents waited for the customer.",
        "agent_wait",
        RESOLUTION_S,
    ),
    Counter(
        "deskpulse_tickets_escalated_total", QUEUE, "Tickets escalated at least once.", read.flow("escalated_tickets")
    ),
    Counter("deskpulse_escalations_total", QUEUE, "Escalations; a ticket can have several.", read.flow("escalated")),
    Counter(
        "deskpulse_tickets_transferred_total",
        QUEUE,
        "Tickets moved to another queue at least once.",
        read.flow("transferred_tickets"),
    ),
    Counter(
        "deskpulse_transfers_total",
        QUEUE,
        "Moves to another queue; a ticket can have several.",
        read.flow("transferred"),
    ),
    Counter("deskpulse_handovers_total", QUEUE, "Hand-overs from a bot to people.", read.flow("handed_over")),
)
