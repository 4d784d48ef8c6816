select
    event_id,
    occurred_at,
    lane,
    number,
    data ->> 'recommendationId' as recommendation_id,
    data ->> 'userId' as user_id,
    data -> 'items' as items,
    data ->> 'modelVersion' as model_version,
    data ->> 'rulesVersion' as rules_version,
    data ->> 'generation' as generation,
    coalesce((data ->> 'degraded')::boolean, false) as is_degraded,
    data ->> 'experiment' as experiment,
    data ->> 'arm' as arm,
    coalesce((data ->> 'simulated')::boolean, false) as is_simulated
from {{ source('raw', 'recommendation_feedback_v1') }}
where event_type = 'RECOMMENDATION_SHOWN'
