"""Contacts in the queue, and who takes them up."""

from services.board import readings as read
from services.board import sliding
from services.board.families import Counter, Family, Gauge, Histogram
from services.board.scrape import CHANNEL, QUEUE

CONTACT_S = (5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)

CONTACTS: tuple[Family, ...] = (
    Histogram(
        "deskpulse_answer_wait_seconds",
        CHANNEL,
        "Time that answered contacts waited in the queue, in the channels of `service_level.channels`.",
        "answered",
        CONTACT_S,
        known="answered",
    ),
    Gauge(
        "deskpulse_answer_wait_window_seconds",
        (*QUEUE, "window", "stat"),
        "Percentiles of the waits answered in a sliding window, within 1 %. They are never to be averaged.",
        sliding.percentiles("answered"),
    ),
    Counter(
        "deskpulse_contacts_offered_total",
        CHANNEL,
        "Contacts that waited in the queue and were answered or abandoned.",
        read.flow("answered", "abandoned", known="answered"),
    ),
    Counter(
        "deskpulse_contacts_answered_in_time_total",
        CHANNEL,
        "Contacts answered within `service_level.threshold_seconds`.",
        read.flow("answered_in_time", known="answered"),
    ),
    Counter(
        "deskpulse_contacts_abandoned_total",
        CHANNEL,
        "Contacts whose customer gave up.",
        read.flow("abandoned", known="answered"),
    ),
    Counter(
        "deskpulse_contacts_abandoned_in_time_total",
        CHANNEL,
        "Contacts whose customer gave up within `service_level.threshold_seconds`.",
        read.flow("abandoned_in_time", known="answered"),
    ),
    Counter(
        "deskpulse_contacts_abandoned_shortly_total",
        CHANNEL,
        "Contacts whose customer gave up within `service_level.short_abandon_seconds`.",
        read.flow("abandoned_shortly", known="answered"),
    ),
    Gauge(
        "deskpulse_contacts_waiting",
        CHANNEL,
        "Contacts that wait in the queue to be taken up.",
        read.waiting("offered", "answered"),
    ),
    Gauge(
        "deskpulse_oldest_contact_waiting_timestamp_seconds",
        CHANNEL,
        "Since when the contact waits that has waited longest to be taken up.",
        read.oldest("offered"),
    ),
    Gauge(
        "deskpulse_service_level_ratio",
        (*QUEUE, "window"),
        "Share of contacts answered in time in a sliding window, by `service_level.method` of the policy.",
        sliding.offers(sliding.in_service_level),
    ),
    Gauge(
        "deskpulse_abandonment_ratio",
        (*QUEUE, "window"),
        "Share of contacts whose customer gave up in a sliding window, short ones left out.",
        sliding.offers(sliding.abandonment),
    ),
)

PEOPLE: tuple[Family, ...] = (
    Gauge("deskpulse_agents", (*QUEUE, "status"), "Agents signed in, by state.", read.agents_by_state),
    Gauge("deskpulse_agents_in_contact", QUEUE, "Agents who have at least one contact.", read.level("in_contact")),
    Gauge(
        "deskpulse_contacts_in_progress",
        QUEUE,
        "Contacts that agents have now; an agent can have several.",
        read.level("contacts"),
    ),
    Gauge(
        "deskpulse_agents_planned",
        (*QUEUE, "activity"),
        "Agents for whom the plan has an activity now.",
        read.planned(elsewhere=False),
    ),
    Gauge(
        "deskpulse_agents_off_plan",
        (*QUEUE, "activity"),
        "Of the planned agents those who do something else, or are not there.",
        read.planned(elsewhere=True),
    ),
    Counter(
        "deskpulse_contacts_handled_total",
        QUEUE,
        "Contacts that agents took up.",
        read.flow("handled", known="handled"),
    ),
    Histogram(
        "deskpulse_handle_time_seconds",
        QUEUE,
        "Time that a contact took an agent, wrap-up included.",
        "handle_time",
        CONTACT_S,
        known="handled",
    ),
    Gauge(
        "deskpulse_agent_window_seconds",
        (*QUEUE, "status", "window"),
        "Time that agents spent in each state in a sliding window.",
        sliding.time_by_state,
    ),
    Gauge(
        "deskpulse_contact_window_seconds",
        (*QUEUE, "window"),
        "Time that contacts took in a sliding window; several at once count severally.",
        sliding.time_in("contacts"),
    ),
    Gauge(
        "deskpulse_in_contact_window_seconds",
        (*QUEUE, "window"),
        "Time in which agents had at least one contact in a sliding window.",
        sliding.time_in("in_contact"),
    ),
    Gauge(
        "deskpulse_occupancy_ratio",
        (*QUEUE, "window"),
        "Handling time by handling and available time in a sliding window.",
        sliding.occupancy,
    ),
    Gauge(
        "deskpulse_utilisation_ratio",
        (*QUEUE, "window"),
        "Handling time by the time in `utilisation.denominator_states` in a sliding window.",
        sliding.utilisation,
    ),
    Gauge(
        "deskpulse_utilisation_signed_in_ratio",
        (*QUEUE, "window"),
        "Handling time by all time signed in, breaks included, in a sliding window.",
        sliding.utilisation_signed_in,
    ),
    Gauge(
        "deskpulse_adherence_ratio",
        (*QUEUE, "window"),
        "Share of the planned time in a sliding window in which agents did what was planned.",
        sliding.against_plan(lambda of: of.adherence),
    ),
    Gauge(
        "deskpulse_conformance_ratio",
        (*QUEUE, "window"),
        "Time worked on the queue by the time planned for it in a sliding window; it can be above 1.",
        sliding.against_plan(lambda of: of.conformance),
    ),
    Gauge(
        "deskpulse_shrinkage_internal_ratio",
        (*QUEUE, "window"),
        "Share of the planned time in a sliding window in which agents were there and not on the queue.",
        sliding.against_plan(lambda of: of.shrinkage_internal),
    ),
    Gauge(
        "deskpulse_shrinkage_external_ratio",
        (*QUEUE, "window"),
        "Share of the planned time in a sliding window in which agents were not there.",
        sliding.against_plan(lambda of: of.shrinkage_external),
    ),
)
