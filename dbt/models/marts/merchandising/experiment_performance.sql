{{ config(materialized='view') }} -- one scan of impressions, or of some days'

select
    experiment,
    arm,
    display_type,
    shown_date,
    count(*)::int as impression_count,
    count(distinct user_id)::int as viewer_count,
    count(clicked_at)::int as click_count
from {{ ref('recommendation_impressions') }}
where arm is not null and shown_date is not null and not is_simulated
group by experiment, arm, display_type, shown_date
