{{ config(unique_key=['recommendation_id', 'display_type', 'product_id'], incremental_strategy='merge',
          indexes=[{'columns': ['shown_date']}]) }}

with shown as (
    select * from {{ ref('stg_serving__shown_recommendations') }} where {{ landed('recommendation-feedback.v1') }}
),

clicked as (
    select * from {{ ref('stg_serving__clicked_recommendations') }} where {{ landed('recommendation-feedback.v1') }}
),

reports as (
    select
        shown.recommendation_id, item.entry ->> 'displayType' as display_type,
        (item.entry ->> 'productId')::bigint as product_id, shown.user_id, (item.entry ->> 'rank')::int as rank,
        -- JSON knows smaller numbers than a float does
        round((item.entry ->> 'score')::numeric, 15)::float8 as score, item.entry ->> 'source' as source,
        shown.model_version, shown.rules_version, shown.generation, shown.experiment, shown.arm, shown.is_degraded,
        shown.is_simulated, shown.occurred_at as shown_at, null::timestamptz as clicked_at, shown.event_id
    from shown
    cross join lateral jsonb_array_elements(shown.items) as item (entry)
    union all
    select
        recommendation_id, display_type, product_id, user_id, rank, null, null, null, null, null, experiment, arm,
        false, is_simulated, null, occurred_at, event_id
    from clicked
),

history as (
    select * from reports
    {% if is_incremental() -%}
        union all
        select
            known.recommendation_id, known.display_type, known.product_id, known.user_id, known.rank, known.score,
            known.source, known.model_version, known.rules_version, known.generation, known.experiment, known.arm,
            known.is_degraded, known.is_simulated, known.shown_at, known.clicked_at, known.event_id
        from {{ this }} as known
        where (recommendation_id, display_type, product_id) in (
            select reports.recommendation_id, reports.display_type, reports.product_id from reports
        )
    {%- endif %}
),

first_shown as ( -- a page may be reported twice; a click may arrive without its page
    select distinct on (recommendation_id, display_type, product_id)
        recommendation_id, display_type, product_id, user_id, rank, score, source, shown_at, model_version,
        rules_version, generation, experiment, arm, is_degraded, event_id,
        min(clicked_at) over of_place as clicked_at,
        bool_or(is_simulated) over of_place as is_simulated
    from history
    window of_place as (partition by recommendation_id, display_type, product_id)
    order by recommendation_id, display_type, product_id, shown_at, event_id, rank
)

select
    recommendation_id,
    display_type,
    product_id,
    user_id,
    rank,
    score,
    source,
    shown_at,
    {{ shop_date('shown_at') }} as shown_date,
    clicked_at,
    model_version,
    rules_version,
    generation,
    experiment,
    arm,
    is_degraded,
    is_simulated,
    event_id
from first_shown
