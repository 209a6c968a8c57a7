<#-- Names the organization where syncd put it on the account, and is Keycloak's own text where it did not. -->
<#import "template.ftl" as layout>
<#setting locale=locale.language>
<#setting time_zone="UTC">
<#assign facts = (user.attributes)!{}>
<#assign organization = facts["syncd.mail.organization"]!"">
<#assign inviter = facts["syncd.mail.inviter"]!"">
<#assign role = facts["syncd.mail.role"]!"">
<#assign expires = facts["syncd.mail.expires"]!"">
<#assign kind = facts["syncd.mail.kind"]!"">
<#if !["invitation", "reminder", "resend"]?seq_contains(kind)><#assign kind = "invitation"></#if>
<#outputformat "plainText">
<#assign steps><#list requiredActions![] as action>${msg("requiredAction.${action}")}<#sep>, </#sep></#list></#assign>
</#outputformat>
<@layout.emailLayout>
<#if organization?has_content>
<p>${msg("syncdLead.${kind}", organization)}</p>
<ul>
<#if inviter?has_content>
<li>${msg("syncdInviter", inviter)}</li>
</#if>
<#if role?has_content>
<li>${msg("syncdRole", role)}</li>
</#if>
<#if expires?matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")>
<li>${msg("syncdExpires", expires?datetime.iso?string(msg("syncdDateTime")))}</li>
</#if>
</ul>
<p>${msg("syncdAsk", steps)}</p>
<p><a href="${link}">${msg("syncdLink")}</a></p>
<p>${msg("syncdLifetime", linkExpirationFormatter(linkExpiration))}</p>
<p>${msg("syncdUnexpected")}</p>
<#else>
${kcSanitize(msg("executeActionsBodyHtml", link, linkExpiration, realmName, steps, linkExpirationFormatter(linkExpiration)))?no_esc}
</#if>
</@layout.emailLayout>
