select
    event_id,
    occurred_at,
    lane,
    number,
    (data ->> 'bannerId')::bigint as banner_id,
    data ->> 'change' as change,
    data ->> 'placement' as placement,
    (data ->> 'campaignId')::bigint as campaign_id,
    (data ->> 'startDate')::timestamptz as starts_at,
    (data ->> 'endDate')::timestamptz as ends_at,
    coalesce((data ->> 'isActive')::boolean, true) as is_active,
    coalesce((data ->> 'bannerVersion')::bigint, 0) as version
from {{ source('raw', 'content_v1') }}
where event_type = 'BANNER_CHANGED'
