select
    event_id,
    occurred_at,
    lane,
    number,
    event_type = 'GENERATION_ROLLED_BACK' as is_rollback,
    data ->> 'generation' as generation,
    data ->> 'previous' as previous_generation,
    data ->> 'bundle' as bundle,
    (data ->> 'rows')::int as row_count
from {{ source('raw', 'content_v1') }}
where event_type in ('GENERATION_ACTIVATED', 'GENERATION_ROLLED_BACK')
