{#
  The rules of what counts, all here; their numbers are `vars` of the project, the words that make a product a pseudo
  product stand in `seeds/pseudo_product_rules.csv`. A run under others than the marts were built with is refused:
  changing any of them takes a full refresh.
#}

{# One line of thousands of units is fuel sold by the drop or a slip of the hand, not a shopper's wish. #}
{% macro is_outlier(quantity) -%}
    {{ quantity }} > {{ var('outlier_quantity') }}
{%- endmacro %}

{# The collector marks declared bots; who acts more often in a day than a person can is one as well. #}
{% macro is_bot(declared, actions_that_day) -%}
    ({{ declared }} or {{ actions_that_day }} > {{ var('bot_actions_per_day') }})
{%- endmacro %}

{# Sales figures count neither cancelled nor simulated orders. #}
{% macro is_sale(row) -%}
    (not {{ row }}.is_cancelled and not {{ row }}.is_simulated)
{%- endmacro %}

{# What was kept of a line: returned units count nowhere as sold, and take their share of the amount with them. #}
{% macro kept_quantity(line) -%}
    ({{ line }}.quantity - {{ line }}.returned_quantity)
{%- endmacro %}

{% macro kept_amount(line) -%}
    case
        when {{ line }}.returned_quantity = 0 then {{ line }}.amount
        else round({{ line }}.amount * {{ kept_quantity(line) }} / {{ line }}.quantity, {{ digits_of(line ~ '.currency') }})
    end
{%- endmacro %}

{# An amount has the decimals of its currency, and is added to none of another. #}
{% macro digits_of(currency) -%}
    case
        when {{ currency }} in ({{ quoted(var('currencies_without_decimals')) }}) then 0
        when {{ currency }} in ({{ quoted(var('currencies_with_three_decimals')) }}) then 3
        else 2
    end
{%- endmacro %}

{% macro quoted(words) -%}
    '{{ words.split() | join("', '") }}'
{%- endmacro %}

{# Recommenders learn from sales that were kept, of goods one can recommend, in amounts a shopper buys. #}
{% macro is_interaction(line, product) -%}
    (
        {{ is_sale(line) }}
        and not {{ line }}.is_outlier
        and {{ kept_quantity(line) }} > 0
        and {{ product }}.pseudo_reason is null
    )
{%- endmacro %}

{#
  A grocer's till also sells what is no proper good: what stands in no known category, or in one whose words say so. Any
  other shop's products are all goods, in whatever categories they stand, or in none.
#}
{% macro has_pseudo_products() -%}
    {{ return(var('pseudo_products') == 'grocer') }}
{%- endmacro %}

{% macro pseudo_reason(category) -%}
    {%- if has_pseudo_products() -%}
        case when {{ category }}.category_id is null then 'category missing' else {{ category }}.pseudo_reason end
    {%- else -%}
        null::text
    {%- endif -%}
{%- endmacro %}

{# Who is not logged in; what visitors do becomes the user's who then logs in. #}
{% macro is_visitor(user_id) -%}
    starts_with({{ user_id }}, 'anon:')
{%- endmacro %}

{#
  Nothing is learned from users who do not want it, or who are deleted; they get everyone's shelves. Of whom no profile
  tells, one may learn. Deleted users have other ids once they are erased.
#}
{% macro is_learned_from(user_id, account, profile) -%}
    (
        {{ account }}.deleted_at is null
        and not starts_with({{ user_id }}, 'erased:')
        and coalesce({{ profile }}.has_personalisation_consent, true)
    )
{%- endmacro %}

{# Figures about shoppers leave out machines and simulations. #}
{% macro is_shopper(action) -%}
    (not {{ action }}.is_bot and not {{ action }}.is_simulated)
{%- endmacro %}

{# The shop's calendar day of an instant: a sale at 23:30 in New York belongs to that day, whatever UTC says. #}
{% macro shop_date(instant) -%}
    ({{ instant }} at time zone '{{ var("timezone") }}')::date
{%- endmacro %}
