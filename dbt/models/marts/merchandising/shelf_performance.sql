{{ config(materialized='view') }} -- one scan of impressions, or of some days'

with impressions as (
    select * from {{ ref('recommendation_impressions') }} where shown_date is not null and not is_simulated
)

select
    display_type,
    coalesce(source, 'unknown') as source,
    shown_date,
    count(*)::int as impression_count,
    count(distinct user_id)::int as viewer_count,
    count(clicked_at)::int as click_count,
    avg(rank)::numeric(9, 2) as mean_rank,
    (avg(rank) filter (where clicked_at is not null))::numeric(9, 2) as mean_clicked_rank
from impressions
group by display_type, coalesce(source, 'unknown'), shown_date
