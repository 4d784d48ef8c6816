{{ config(unique_key='review_id', incremental_strategy='merge', indexes=[{'columns': ['product_id']}]) }}

with events as ( -- a removal is final, whatever comes after it
    select
        event_id, occurred_at, review_id, product_id, rating, text_length, is_hidden, submitted_at,
        is_deletion as is_deleted,
        case when is_deletion then 9223372036854775807 else version end as version
    from {{ ref('stg_catalog__reviews') }}
    where {{ landed('catalog.v1') }}
),

{{ latest_of(
    'events', 'review_id',
    ['product_id', 'rating', 'text_length', 'is_hidden', 'submitted_at', 'is_deleted']
) }}
