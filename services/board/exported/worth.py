"""What customers say, and what it is worth."""

from services.board import readings as read
from services.board import sliding
from services.board.families import Counter, Family, Gauge, Summary
from services.board.scrape import CHANNEL, QUEUE

QUALITY: tuple[Family, ...] = (
    Counter(
        "deskpulse_csat_responses_total",
        (*QUEUE, "answer"),
        "Answers to the satisfaction survey: satisfied from `csat.satisfied_from` on, or not.",
        read.answers("csat", ("satisfied", "not_satisfied"), read.csat_class),
    ),
    Summary("deskpulse_csat_score", QUEUE, "Satisfaction scores on `csat.scale`.", read.totals(read.only("csat"))),
    Counter(
        "deskpulse_nps_responses_total",
        (*QUEUE, "answer"),
        "Answers to the recommendation survey: promoters, passives and detractors.",
        read.answers("nps", ("promoter", "passive", "detractor"), read.nps_class),
    ),
    Summary("deskpulse_nps_score", QUEUE, "Recommendation scores on `nps.scale`.", read.totals(read.only("nps"))),
    Counter(
        "deskpulse_ces_responses_total",
        (*QUEUE, "answer"),
        "Answers to the effort survey: easy from `ces.easy_from` on, or not.",
        read.answers("ces", ("easy", "not_easy"), read.ces_class),
    ),
    Summary("deskpulse_ces_score", QUEUE, "Effort scores on `ces.scale`, as given.", read.totals(read.only("ces"))),
    Summary("deskpulse_review_score", QUEUE, "Scores of reviews, from 0 to 100.", read.totals(read.only("review"))),
    Counter(
        "deskpulse_gaming_signs_total",
        (*QUEUE, "sign"),
        "Patterns that make figures look better than the service was. They are signs, not proof.",
        read.flows(read.signs),
    ),
)

ECONOMY: tuple[Family, ...] = (
    Counter(
        "deskpulse_customer_contacts_total",
        CHANNEL,
        "Times that customers asked: opened a ticket, or wrote again after an answer.",
        read.flow("customer_contacts"),
    ),
    Counter(
        "deskpulse_tickets_automated_total",
        QUEUE,
        "Tickets that a bot solved alone, as far as is known.",
        read.flow("automated"),
    ),
    Gauge(
        "deskpulse_automation_matured_tickets",
        QUEUE,
        "Tickets first solved in the `rolling_window_days` that ended `automation.window_seconds` ago.",
        sliding.automation("solved"),
    ),
    Gauge(
        "deskpulse_automation_resolved_tickets",
        QUEUE,
        "Of the matured tickets those that a bot solved alone, now certain.",
        sliding.automation("automated"),
    ),
    Counter("deskpulse_bug_reports_total", QUEUE, "Tickets that reported a bug.", read.flow("bug_reports")),
    Counter(
        "deskpulse_feature_requests_total", QUEUE, "Tickets that asked for a feature.", read.flow("feature_requests")
    ),
    Counter("deskpulse_help_visits_total", (), "Visits to the help centre.", read.flow("visits")),
    Counter(
        "deskpulse_help_visits_identified_total",
        (),
        "Visits to the help centre by somebody known.",
        read.flow("visits_identified"),
    ),
    Counter(
        "deskpulse_help_visits_asked_total",
        (),
        "Visits to the help centre that a ticket of the visitor followed.",
        read.flow("visits_asked"),
    ),
    Gauge(
        "deskpulse_help_visits_matured",
        (),
        "Visits by somebody known in the `rolling_window_days` that ended `deflection.window_seconds` ago.",
        sliding.help_visits(deflected=False),
    ),
    Gauge(
        "deskpulse_help_visits_deflected",
        (),
        "Of the matured visits those that no ticket followed, now certain.",
        sliding.help_visits(deflected=True),
    ),
)
