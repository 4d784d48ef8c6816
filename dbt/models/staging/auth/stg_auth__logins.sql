select
    event_id,
    occurred_at,
    lane,
    number,
    data ->> 'userId' as user_id,
    data ->> 'visitorId' as visitor_id
from {{ source('raw', 'auth_v1') }}
where event_type = 'USER_AUTHENTICATED'
