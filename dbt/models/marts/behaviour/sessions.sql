{{ config(unique_key=['user_id', 'session_number'], incremental_strategy='replace',
          incremental_predicates=['action_count > 0']) }}

with actions as not materialized (
    select * from {{ ref('actions') }}
),

touched as (
    select user_id, min(occurred_at) as since from actions
    where {{ is_touched('user_id, occurred_date', 'touched_user_days') }}
    group by user_id
),

known as (
    {% if is_incremental() %}
        select
            touched.user_id, known.session_number, known.started_at,
            touched.since > known.started_at
            and coalesce(known.started_at > lag(known.ended_at) over of_user, true) as is_settled
        from touched
        left join {{ this }} as known on touched.user_id = known.user_id
        window of_user as (partition by touched.user_id order by known.session_number)
    {% else %}
        select user_id, null::int as session_number, null::timestamptz as started_at, false as is_settled from touched
    {% endif %}
),

dated as ( -- news changes nothing before the last visit that had begun by then, apart from the one before it
    select
        user_id, session_number,
        coalesce(max(session_number) filter (where is_settled) over of_user, 1) as first_number,
        coalesce(max(started_at) filter (where is_settled) over of_user, '-infinity') as restarts_at
    from known
    window of_user as (partition by user_id)
),

restarts as (select distinct user_id, first_number, restarts_at from dated),

replaced as (select user_id, session_number from dated where session_number >= first_number),

steps as (
    select
        actions.*, restarts.first_number,
        lag(actions.occurred_at) over by_time as previous_at, lag(actions.session_id) over by_time as previous_session
    from actions
    inner join restarts
        on
            actions.user_id = restarts.user_id and actions.occurred_at >= restarts.restarts_at
            and actions.occurred_date >= {{ shop_date('restarts.restarts_at') }}
    window by_time as (partition by actions.user_id order by actions.occurred_at, actions.event_id)
),

numbered as (
    select
        *, first_number - 1 + count(*) filter (
            where
            previous_at is null
            or occurred_at > previous_at + interval '{{ var("session_gap_minutes") }} minutes'
            or session_id != previous_session
        ) over (partition by user_id order by occurred_at, event_id) as session_number
    from steps
)

select
    user_id,
    session_number::int as session_number,
    min(session_id) as session_id,
    min(occurred_at) as started_at,
    max(occurred_at) as ended_at,
    min(occurred_date) as session_date,
    count(event_id)::int as action_count,
    (count(*) filter (where action_type = 'PRODUCT_VIEWED'))::int as view_count,
    (count(*) filter (where action_type in ('SEARCH_BY_KEYWORD', 'SEARCH_BY_CATEGORY')))::int as search_count,
    (count(*) filter (where action_type in ('CART_ADD', 'CART_READD')))::int as cart_add_count,
    (count(*) filter (where action_type = 'ORDER_COMPLETE'))::int as order_count,
    bool_or(is_bot) as is_bot,
    bool_and(is_simulated) as is_simulated
from numbered
full join replaced using (user_id, session_number)
group by user_id, session_number
