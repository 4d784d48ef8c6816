select
    event_id,
    occurred_at,
    lane,
    number,
    (data ->> 'displayId')::bigint as display_id,
    data ->> 'change' as change,
    data ->> 'displayType' as display_type,
    (data ->> 'productId')::bigint as product_id
from {{ source('raw', 'content_v1') }}
where event_type = 'DISPLAY_CHANGED'
