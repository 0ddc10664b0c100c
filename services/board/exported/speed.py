"""What waits, and how long customers wait for people."""

from services.board import readings as read
from services.board import sliding
from services.board.families import Counter, Family, Gauge, GaugeHistogram, Histogram, Summary
from services.board.scrape import CHANNEL, QUEUE

AGES_S = (300, 900, 3600, 14_400, 28_800, 86_400, 172_800, 345_600, 604_800, 1_209_600, 2_592_000)
RESPONSE_S = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400, 172_800, 259_200)

BACKLOG: tuple[Family, ...] = (
    Gauge(
        "deskpulse_tickets_open", (*CHANNEL, "priority", "state"), "Tickets in the backlog.", read.backlog_by_state
    ),
    Gauge(
        "deskpulse_tickets_actionable",
        QUEUE,
        "Tickets in the backlog that agents can go on with: `backlog.actionable_statuses` of the policy.",
        read.actionable,
    ),
    Gauge("deskpulse_tickets_unassigned", QUEUE, "Tickets in the backlog without an agent.", read.unassigned),
    GaugeHistogram(
        "deskpulse_backlog_age_seconds", QUEUE, "Age of the tickets in the backlog.", read.backlog_since, AGES_S
    ),
    Gauge(
        "deskpulse_customers_waiting",
        CHANNEL,
        "Tickets whose customer waits for a first or next response.",
        read.waiting("waiting", "opened"),
    ),
    Gauge(
        "deskpulse_oldest_unanswered_created_timestamp_seconds",
        QUEUE,
        "Since when the customer waits who has waited longest for an answer.",
        read.oldest("waiting"),
    ),
    Gauge(
        "deskpulse_oldest_waiting_timestamp_seconds",
        CHANNEL,
        "Since when the customer waits who has waited longest for an answer, by channel.",
        read.oldest("waiting"),
    ),
)

SPEED: tuple[Family, ...] = (
    Histogram(
        "deskpulse_first_response_seconds",
        CHANNEL,
        "Calendar time to the first public reply by an agent.",
        "first_response",
        RESPONSE_S,
    ),
    Histogram(
        "deskpulse_first_response_business_seconds",
        QUEUE,
        "Opening time to the first public reply by an agent.",
        "first_response_business",
        RESPONSE_S,
    ),
    Histogram(
        "deskpulse_first_response_since_handover_seconds",
        QUEUE,
        "Calendar time from the hand-over by a bot to the next public reply by an agent.",
        "first_response_since_handover",
        RESPONSE_S,
        known="handed_over",
    ),
    Summary(
        "deskpulse_first_response_content_seconds",
        (*QUEUE, "content"),
        "Calendar time to those first responses that had something in them: one can have several, or nothing.",
        read.totals(read.content),
    ),
    Histogram(
        "deskpulse_next_response_seconds", QUEUE, "Calendar time to each later response.", "next_response", RESPONSE_S
    ),
    Gauge(
        "deskpulse_first_response_window_seconds",
        (*QUEUE, "window", "stat"),
        "Percentiles of the first responses in a sliding window, within 1 %. They are never to be averaged.",
        sliding.percentiles("first_response"),
    ),
    Gauge(
        "deskpulse_next_response_window_seconds",
        (*QUEUE, "window", "stat"),
        "Percentiles of the later responses in a sliding window, within 1 %. They are never to be averaged.",
        sliding.percentiles("next_response"),
    ),
    Counter("deskpulse_first_replies_total", QUEUE, "First public replies by an agent.", read.flow("first_reply")),
    Counter(
        "deskpulse_first_replies_helpful_total",
        QUEUE,
        "First replies that were actionable, linked an article, or began to look for the cause.",
        read.flow("first_reply_helpful"),
    ),
    Counter(
        "deskpulse_first_replies_stub_total",
        QUEUE,
        "First replies that only stopped the clock.",
        read.flow("first_reply_stub"),
    ),
)

PROMISES: tuple[Family, ...] = (
    Gauge(
        "deskpulse_sla_running_tickets",
        (*QUEUE, "sla"),
        "Running SLA clocks whose due time has not passed, those near it included.",
        read.sla(read.running),
    ),
    Gauge(
        "deskpulse_sla_at_risk_tickets",
        (*QUEUE, "sla"),
        "Running SLA clocks near their due time.",
        read.sla(read.at_risk),
    ),
    Gauge(
        "deskpulse_sla_overdue_tickets",
        (*QUEUE, "sla"),
        "Running SLA clocks past their due time.",
        read.sla(read.overdue),
    ),
    Gauge(
        "deskpulse_sla_paused_tickets",
        (*QUEUE, "sla"),
        "SLA clocks that stand still, neither met nor breached.",
        read.sla(read.paused),
    ),
    Gauge(
        "deskpulse_sla_next_due_timestamp_seconds",
        (*QUEUE, "sla"),
        "Until when the running SLA clock holds that is breached next.",
        read.next_due,
    ),
    Counter(
        "deskpulse_sla_evaluated_total", (*QUEUE, "sla"), "SLA clocks met or breached.", read.sla(read.evaluated)
    ),
    Counter(
        "deskpulse_sla_breached_total",
        (*QUEUE, "sla"),
        "SLA clocks whose due time passed, answered or not.",
        read.sla(read.breached),
    ),
)
