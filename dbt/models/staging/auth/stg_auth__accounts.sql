select
    event_id,
    occurred_at,
    lane,
    number,
    event_type = 'USER_REGISTERED' as is_registration,
    event_type = 'USER_DELETED' as is_deletion,
    event_type = 'USER_DISABLED' as is_disabled,
    data ->> 'userId' as user_id,
    coalesce((data ->> 'accountVersion')::bigint, 0) as version
from {{ source('raw', 'auth_v1') }}
where event_type in ('USER_REGISTERED', 'USER_DISABLED', 'USER_ENABLED', 'USER_DELETED')
