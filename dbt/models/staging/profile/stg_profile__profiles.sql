select
    event_id,
    occurred_at,
    lane,
    number,
    data ->> 'userId' as user_id,
    data ->> 'locale' as locale,
    coalesce((data ->> 'personalisationConsent')::boolean, true) as has_personalisation_consent,
    coalesce(data -> 'optedOutShelves', '[]') as opted_out_shelves,
    coalesce((data ->> 'profileVersion')::bigint, 0) as version
from {{ source('raw', 'profile_v1') }}
where event_type = 'USER_PROFILE_UPDATED'
