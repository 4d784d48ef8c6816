{{ config(unique_key='display_id', incremental_strategy='merge') }}

with events as ( -- a removal is final, whatever comes after it
    select
        event_id, occurred_at, display_id, display_type, mode, product_id, campaign_id, starts_at, ends_at, is_active,
        change = 'DELETED' as is_deleted,
        case when change = 'DELETED' then 9223372036854775807 else version end as version,
        occurred_at as created_at
    from {{ ref('stg_content__display_changes') }}
    where {{ landed('content.v1') }}
),

{{ latest_of(
    'events', 'display_id',
    ['display_type', 'mode', 'product_id', 'campaign_id', 'starts_at', 'ends_at', 'is_active', 'is_deleted'],
    {'created_at': 'min'}
) }}
