{{ config(materialized='view') }} -- one scan of searches, or of some days'

with searches as (
    select * from {{ ref('searches') }} where search_term is not null and revenue is not null
)

select
    search_term,
    searched_date,
    currency,
    sum(revenue)::numeric(24, 3) as revenue
from searches
where {{ is_shopper('searches') }}
group by search_term, searched_date, currency
