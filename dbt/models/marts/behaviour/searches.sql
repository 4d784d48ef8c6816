{{ config(unique_key=['user_id', 'searched_date'], incremental_strategy='recompute',
          indexes=[{'columns': ['searched_date']}, {'columns': ['user_id', 'searched_date']}]) }}

with actions as ( -- of erased users nothing is kept
    select *, occurred_date as searched_date from {{ ref('actions') }}
    where
        action_type in ('SEARCH_BY_KEYWORD', 'SEARCH_BY_CATEGORY', 'PRODUCT_VIEWED')
        and not starts_with(user_id, 'erased:')
        and {{ is_touched('user_id, occurred_date', 'touched_searches') }}
),

lines as (
    select *, ordered_date as searched_date from {{ ref('order_items') }}
    where {{ is_touched('user_id, ordered_date', 'touched_searches') }}
),

searches as (select *, event_id as search_id from actions where action_type != 'PRODUCT_VIEWED'),

clicks as ( -- of the search that a view names; of shops whose searches have no ids, of the latest one just before
    select distinct on (views.event_id)
        searches.search_id, views.user_id, views.searched_date, views.product_id, views.occurred_at
    from actions as views
    inner join searches
        on
            (views.user_id, views.searched_date) = (searches.user_id, searches.searched_date)
            and views.occurred_at >= searches.occurred_at
            and case
                when views.request_id is not null then views.request_id = searches.request_id
                when views.session_key = searches.session_key and searches.request_id is null
                    then views.occurred_at < searches.occurred_at + interval '5 minutes'
            end
    where views.action_type = 'PRODUCT_VIEWED'
    order by views.event_id, searches.occurred_at desc, searches.search_id
),

purchases as ( -- of a product that was opened from a search before, on that day: of the latest such search
    select distinct on (lines.order_id, lines.line_number)
        clicks.search_id, lines.order_id, lines.currency,
        {{ kept_quantity('lines') }} as kept_quantity, {{ kept_amount('lines') }} as kept_amount
    from lines
    inner join clicks using (user_id, searched_date, product_id)
    where lines.ordered_at >= clicks.occurred_at and {{ is_sale('lines') }}
    order by lines.order_id, lines.line_number, clicks.occurred_at desc, clicks.search_id
),

counted as (select *, min(currency) over (partition by search_id) as counted_currency from purchases),

clicked as (
    select search_id, count(distinct product_id) as product_count, min(occurred_at) as first_at from clicks
    group by search_id
),

bought as (
    select
        search_id, counted_currency, count(distinct order_id) as order_count, sum(kept_quantity) as unit_count,
        sum(kept_amount) filter (where currency = counted_currency) as revenue
    from counted group by search_id, counted_currency
)

select
    searches.search_id,
    searches.user_id,
    searches.session_key,
    searches.request_id,
    searches.occurred_at as searched_at,
    searches.searched_date,
    searches.action_type = 'SEARCH_BY_CATEGORY' as is_by_category,
    nullif(btrim(regexp_replace(lower(normalize(searches.search_keyword, nfkc)), '\s+', ' ', 'g')), '') as search_term,
    searches.category_id,
    searches.result_count,
    coalesce(clicked.product_count, 0)::int as clicked_product_count,
    clicked.first_at as first_clicked_at,
    coalesce(bought.order_count, 0)::int as order_count,
    coalesce(bought.unit_count, 0)::bigint as unit_count,
    bought.counted_currency as currency,
    bought.revenue::numeric(24, 3) as revenue,
    searches.is_bot, searches.is_simulated
from searches
left join clicked using (search_id)
left join bought using (search_id)
