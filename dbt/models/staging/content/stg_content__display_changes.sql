select
    event_id,
    occurred_at,
    lane,
    number,
    (data ->> 'displayId')::bigint as display_id,
    data ->> 'change' as change,
    data ->> 'displayType' as display_type,
    (data ->> 'productId')::bigint as product_id,
    data ->> 'mode' as mode,
    (data ->> 'campaignId')::bigint as campaign_id,
    (data ->> 'startDate')::timestamptz as starts_at,
    (data ->> 'endDate')::timestamptz as ends_at,
    coalesce((data ->> 'isActive')::boolean, true) as is_active,
    coalesce((data ->> 'displayVersion')::bigint, 0) as version
from {{ source('raw', 'content_v1') }}
where event_type = 'DISPLAY_CHANGED'
