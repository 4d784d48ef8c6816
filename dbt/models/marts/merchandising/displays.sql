{{ config(unique_key='display_id', incremental_strategy='merge') }}

with events as (
    select *, change = 'DELETED' as is_deleted, 0::bigint as version, occurred_at as created_at
    from {{ ref('stg_content__display_changes') }}
    where {{ landed('content.v1') }}
),

{{ latest_of(
    'events', 'display_id',
    ['display_type', 'mode', 'product_id', 'campaign_id', 'starts_at', 'ends_at', 'is_active', 'is_deleted'],
    {'created_at': 'min'}
) }}
