select
    event_id,
    event_type as action_type,
    occurred_at,
    lane,
    number,
    user_id,
    data ->> 'sessionId' as session_id,
    (data ->> 'productId')::bigint as product_id,
    data ->> 'currency' as currency,
    (data ->> 'productPrice')::numeric(15, 3) as product_price,
    (data ->> 'categoryId')::bigint as category_id,
    data ->> 'requestID' as request_id,
    nullif(data ->> 'utmSource', '') as utm_source,
    nullif(data ->> 'utmMedium', '') as utm_medium,
    nullif(data ->> 'utmCampaign', '') as utm_campaign,
    coalesce((data ->> 'isBot')::boolean, false) as is_declared_bot,
    coalesce((data ->> 'simulated')::boolean, false) as is_simulated
from {{ source('raw', 'user_actions_v1') }}
where event_type = 'PRODUCT_VIEWED'
