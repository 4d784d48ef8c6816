{{ config(materialized='view') }} -- one scan of searches, or of some days'

with searches as (
    select * from {{ ref('searches') }} where search_term is not null
)

select
    search_term,
    searched_date,
    count(*)::int as search_count,
    count(distinct user_id)::int as searcher_count,
    (count(*) filter (where result_count = 0))::int as without_result_count,
    (count(*) filter (where clicked_product_count > 0))::int as clicked_count,
    (count(*) filter (where order_count > 0))::int as bought_count,
    coalesce(sum(unit_count), 0)::bigint as unit_count
from searches
where {{ is_shopper('searches') }}
group by search_term, searched_date
