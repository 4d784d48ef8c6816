{{ config(unique_key='user_id', incremental_strategy='recompute') }}

with orders as (
    select * from {{ ref('orders') }} where {{ is_touched('user_id', 'touched_users') }}
),

sessions as (
    select * from {{ ref('sessions') }} where {{ is_touched('user_id', 'touched_users') }}
),

login_events as (
    select * from {{ ref('int_logins__link') }} where {{ is_touched('user_id', 'touched_users') }}
),

accounts as (
    select * from {{ ref('int_accounts__resolve') }} where {{ is_touched('user_id', 'touched_users') }}
),

profiles as (
    select * from {{ ref('int_profiles__resolve') }} where {{ is_touched('user_id', 'touched_users') }}
),

purchases as (
    select
        user_id,
        min(ordered_at) filter (where is_sale) as first_order_at,
        max(ordered_at) filter (where is_sale) as last_order_at,
        count(*) filter (where is_sale) as order_count,
        bool_and(is_simulated) as is_simulated
    from orders
    group by user_id
),

visits as (
    select
        user_id,
        min(started_at) filter (where not is_simulated) as first_session_at,
        max(ended_at) filter (where not is_simulated) as last_session_at,
        bool_and(is_simulated) as is_simulated
    from sessions
    group by user_id
),

logins as (
    select user_id, min(logged_in_at) as first_login_at, max(logged_in_at) as last_login_at, count(*) as login_count
    from login_events
    group by user_id
)

select
    user_id,
    accounts.registered_at,
    least(visits.first_session_at, purchases.first_order_at, logins.first_login_at) as first_seen_at,
    greatest(visits.last_session_at, purchases.last_order_at, logins.last_login_at) as last_seen_at,
    logins.last_login_at,
    coalesce(logins.login_count, 0)::int as login_count,
    purchases.first_order_at,
    purchases.last_order_at,
    coalesce(purchases.order_count, 0)::int as order_count,
    coalesce(accounts.is_disabled, false) as is_disabled,
    accounts.deleted_at,
    profiles.locale,
    coalesce(profiles.has_personalisation_consent, true) as has_personalisation_consent,
    {{ is_learned_from('user_id', 'accounts', 'profiles') }} as is_learned_from,
    array_to_string(
        array(select jsonb_array_elements_text(profiles.opted_out_shelves) as shelf order by shelf), ' '
    ) as opted_out_shelves,
    logins.user_id is null and accounts.user_id is null and profiles.user_id is null
    and coalesce(purchases.is_simulated, true) and coalesce(visits.is_simulated, true) as is_simulated
from purchases
full join visits using (user_id)
full join logins using (user_id)
full join accounts using (user_id)
full join profiles using (user_id)
