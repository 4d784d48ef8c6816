{#
  Which actions are one visit: those of a user on one device without a longer silence. A device is known by the session
  that its storefront names; what names none (an order that a service reports) goes with the session before it, or else
  with the one after it, unless a silence lies between. Midnight of the shop ends a visit, so that whole days of users
  can be computed anew.
#}
{% macro visits_in(actions) -%}
    {%- set longest = "interval '" ~ var('session_gap_minutes') ~ " minutes'" -%}
    {%- set by_time = 'order by occurred_at, event_id' %}
silences as (
    select *, occurred_at - lag(occurred_at) over of_day > {{ longest }} as ends_silence
    from {{ actions }}
    window of_day as (partition by user_id, occurred_date {{ by_time }})
),

stretches as ( -- without a silence, on whatever devices
    select
        *, count(*) filter (where ends_silence) over of_day as stretch, count(session_id) over of_day as sessions_named
    from silences
    window of_day as (partition by user_id, occurred_date {{ by_time }})
),

devices as (
    select
        *, coalesce(
            max(session_id) over (partition by user_id, occurred_date, stretch, sessions_named),
            first_value(session_id) over (
                partition by user_id, occurred_date, stretch order by session_id is null, occurred_at, event_id
            )
        ) as device
    from stretches
),

pauses as (
    select *, occurred_at - lag(occurred_at) over of_device > {{ longest }} as ends_pause
    from devices
    window of_device as (partition by user_id, occurred_date, device {{ by_time }})
),

visits as (
    select *, count(*) filter (where ends_pause) over of_device as visit
    from pauses
    window of_device as (partition by user_id, occurred_date, device {{ by_time }})
)
{%- endmacro %}

{# Of `visits`: a column of the visit's first action. #}
{% macro first_of_visit(column) -%}
    first_value({{ column }}) over (partition by user_id, occurred_date, device, visit order by occurred_at, event_id)
{%- endmacro %}

{# Of a visit's actions: what its first one that names a source, medium or campaign says of it. #}
{% macro named_first(column) -%}
    (array_agg({{ column }} order by occurred_at, event_id)
    filter (where num_nonnulls(utm_source, utm_medium, utm_campaign) > 0))[1]
{%- endmacro %}
