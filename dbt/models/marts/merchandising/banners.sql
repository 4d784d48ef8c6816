{{ config(unique_key='banner_id', incremental_strategy='merge') }}

with events as ( -- a removal is final, whatever comes after it
    select
        event_id, occurred_at, banner_id, placement, campaign_id, starts_at, ends_at, is_active,
        change = 'DELETED' as is_deleted,
        case when change = 'DELETED' then 9223372036854775807 else version end as version,
        occurred_at as created_at
    from {{ ref('stg_content__banner_changes') }}
    where {{ landed('content.v1') }}
),

{{ latest_of(
    'events', 'banner_id', ['placement', 'campaign_id', 'starts_at', 'ends_at', 'is_active', 'is_deleted'],
    {'created_at': 'min'}
) }}
