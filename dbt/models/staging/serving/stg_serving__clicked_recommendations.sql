select
    event_id,
    occurred_at,
    lane,
    number,
    data ->> 'recommendationId' as recommendation_id,
    data ->> 'userId' as user_id,
    data ->> 'displayType' as display_type,
    (data ->> 'productId')::bigint as product_id,
    (data ->> 'rank')::int as rank,
    data ->> 'experiment' as experiment,
    data ->> 'arm' as arm,
    coalesce((data ->> 'simulated')::boolean, false) as is_simulated
from {{ source('raw', 'recommendation_feedback_v1') }}
where event_type = 'RECOMMENDATION_CLICKED'
