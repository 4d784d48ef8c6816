{{ config(unique_key='event_id', incremental_strategy='merge', indexes=[
    {'columns': ['user_id', 'occurred_date']}, {'columns': ['occurred_date']}, {'columns': ['order_id']},
    {'columns': ['product_id']}]) }}

with user_actions as (
    select * from {{ ref('stg_analytics__user_actions') }} where {{ landed('user-actions.v1') }}
),

product_views as (
    select * from {{ ref('stg_analytics__product_views') }} where {{ landed('user-actions.v1') }}
),

logins as not materialized (
    select * from {{ ref('int_logins__link') }}
),

arrived as (
    select
        event_id, user_id as sent_by, action_type, product_id, currency, product_price, category_id, order_id, quantity,
        search_keyword, result_count, rating, request_id, session_id, utm_source, utm_medium, utm_campaign, occurred_at,
        {{ shop_date('occurred_at') }} as occurred_date, is_declared_bot, is_simulated
    from user_actions
    union all
    select
        event_id, user_id, action_type, product_id, currency, product_price, category_id, null, null, null, null,
        null::numeric(3, 2), request_id, session_id, utm_source, utm_medium, utm_campaign, occurred_at,
        {{ shop_date('occurred_at') }}, is_declared_bot, is_simulated
    from product_views
),

history as ( -- one action more may turn its user's whole day into a machine's, so the day is new again
    select * from arrived
    {% if not execute or is_incremental() -%}
        union -- not `all`: what a run read that did not come to its end is in both
        select
            event_id, coalesce(visitor_id, user_id), action_type, product_id, currency, product_price, category_id,
            order_id, quantity, search_keyword, result_count, rating, request_id, session_id, utm_source, utm_medium,
            utm_campaign, occurred_at, occurred_date, is_declared_bot, is_simulated
        from {{ this }}
        where {{ is_touched('user_id, occurred_date', 'touched_user_days') }}
    {%- endif %}
),

owned as ( -- a visitor's actions are those of the user who then logs in
    select history.*, coalesce(logins.user_id, history.sent_by) as user_id
    from history
    left join logins
        on
            history.sent_by = logins.visitor_id
            and history.occurred_at > logins.previous_login_at
            and history.occurred_at <= logins.logged_in_at
),

{{ visits_in('owned') }}

select
    event_id,
    user_id,
    case when {{ is_visitor('sent_by') }} then sent_by end as visitor_id,
    action_type,
    product_id,
    currency,
    product_price,
    category_id,
    order_id,
    quantity,
    search_keyword,
    result_count,
    rating,
    request_id,
    session_id,
    {{ first_of_visit('event_id') }} as session_key,
    utm_source, utm_medium, utm_campaign,
    occurred_at,
    occurred_date,
    is_declared_bot,
    {{ is_bot('is_declared_bot', 'count(*) over (partition by user_id, occurred_date)') }} as is_bot,
    is_simulated
from visits
