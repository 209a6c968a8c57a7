<#ftl output_format="plainText">
<#-- Names the organization where syncd put it on the account, and is Keycloak's own text where it did not. -->
<#setting locale=locale.language>
<#setting time_zone="UTC">
<#assign facts = (user.attributes)!{}>
<#assign organization = facts["syncd.mail.organization"]!"">
<#assign inviter = facts["syncd.mail.inviter"]!"">
<#assign role = facts["syncd.mail.role"]!"">
<#assign expires = facts["syncd.mail.expires"]!"">
<#assign kind = facts["syncd.mail.kind"]!"">
<#if !["invitation", "reminder", "resend"]?seq_contains(kind)><#assign kind = "invitation"></#if>
<#assign steps><#list requiredActions![] as action>${msg("requiredAction.${action}")}<#sep>, </#sep></#list></#assign>
<#if organization?has_content>
${msg("syncdLead.${kind}", organization)}

<#if inviter?has_content>
${msg("syncdInviter", inviter)}
</#if>
<#if role?has_content>
${msg("syncdRole", role)}
</#if>
<#if expires?matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")>
${msg("syncdExpires", expires?datetime.iso?string(msg("syncdDateTime")))}
</#if>

${msg("syncdAsk", steps)}

${link}

${msg("syncdLifetime", linkExpirationFormatter(linkExpiration))}

${msg("syncdUnexpected")}
<#else>
${msg("executeActionsBody", link, linkExpiration, realmName, steps, linkExpirationFormatter(linkExpiration))}
</#if>
