{{ config(unique_key=['user_id', 'searched_date'], incremental_strategy='recompute',
          indexes=[{'columns': ['searched_date']}, {'columns': ['user_id', 'searched_date']}]) }}

with families as not materialized (select product_id, family_id from {{ ref('int_products__family') }}),

actions as ( -- of erased users nothing is kept
    select actions.*, occurred_date as searched_date, coalesce(families.family_id, actions.product_id) as family_id
    from {{ ref('actions') }} as actions
    left join families on actions.product_id = families.product_id
    where
        action_type ~ '^(SEARCH_|PRODUCT_VIEWED$|CART_(ADD|READD|UPDATE)$)'
        and not starts_with(user_id, 'erased:')
        and {{ is_touched('user_id, occurred_date', 'touched_searches') }}
),

lines as (
    select lines.*, ordered_date as searched_date, coalesce(families.family_id, lines.product_id) as family_id
    from {{ ref('order_items') }} as lines
    left join families on lines.product_id = families.product_id
    where {{ is_touched('user_id, ordered_date', 'touched_searches') }}
),

searches as (select *, event_id as search_id from actions where starts_with(action_type, 'SEARCH_')),

picks as ( -- of the search that they name; views of shops whose searches have no ids, of the latest one just before
    select distinct on (picked.event_id)
        searches.search_id, picked.user_id, picked.searched_date, picked.family_id, picked.occurred_at,
        picked.action_type = 'PRODUCT_VIEWED' as is_click
    from actions as picked
    inner join searches
        on
            (picked.user_id, picked.searched_date) = (searches.user_id, searches.searched_date)
            and case
                when picked.request_id is not null then picked.request_id = searches.request_id
                when picked.session_key = searches.session_key and searches.request_id is null
                    then
                        picked.occurred_at >= searches.occurred_at
                        and picked.occurred_at < searches.occurred_at + interval '5 minutes'
                        and picked.action_type = 'PRODUCT_VIEWED'
            end
    where not starts_with(picked.action_type, 'SEARCH_')
    order by -- the clocks of browsers and of the cart may differ
        picked.event_id, picked.occurred_at >= searches.occurred_at desc, searches.occurred_at desc, searches.search_id
),

purchases as ( -- of whatever variant was picked from a search before, on that day: of the latest such search
    select distinct on (lines.order_id, lines.line_number)
        picks.search_id, lines.order_id, lines.currency,
        {{ kept_quantity('lines') }} as kept_quantity, {{ kept_amount('lines') }} as kept_amount
    from lines
    inner join picks using (user_id, searched_date, family_id)
    where lines.ordered_at >= picks.occurred_at and {{ is_sale('lines') }}
    order by lines.order_id, lines.line_number, picks.occurred_at desc, picks.search_id
),

counted as (select *, min(currency) over (partition by search_id) as counted_currency from purchases),

clicked as (
    select search_id, count(distinct family_id) as product_count, min(occurred_at) as first_at from picks
    where is_click group by search_id
),

bought as (
    select
        search_id, counted_currency, count(distinct order_id) as order_count, sum(kept_quantity) as unit_count,
        sum(kept_amount) filter (where currency = counted_currency) as revenue
    from counted group by search_id, counted_currency
)

select
    searches.search_id, searches.user_id, searches.session_key, searches.request_id,
    searches.occurred_at as searched_at, searches.searched_date,
    searches.action_type = 'SEARCH_BY_CATEGORY' as is_by_category,
    nullif(btrim(regexp_replace(lower(normalize(searches.search_keyword, nfkc)), '\s+', ' ', 'g')), '') as search_term,
    searches.category_id, searches.result_count, coalesce(clicked.product_count, 0)::int as clicked_product_count,
    clicked.first_at as first_clicked_at, coalesce(bought.order_count, 0)::int as order_count,
    coalesce(bought.unit_count, 0)::bigint as unit_count, bought.counted_currency as currency,
    bought.revenue::numeric(24, 3) as revenue, searches.is_bot, searches.is_simulated
from searches
left join clicked using (search_id) left join bought using (search_id)
