{{- define "syncd.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{- define "syncd.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "syncd.labels" -}}
{{ include "syncd.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "syncd.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Whether the store is a file; any other store is an address, or a reference to one, of PostgreSQL. */}}
{{- define "syncd.sqlite" -}}
{{- $store := .Values.settings.store | default "sqlite" -}}
{{- if and (kindIs "string" $store) (hasPrefix "sqlite" $store) }}true{{ end }}
{{- end }}

{{/* syncd.yaml: the operator's values, and what only the chart knows where they say nothing. */}}
{{- define "syncd.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- if not $settings.store }}{{ $_ := set $settings "store" "sqlite:///var/lib/syncd/syncd.db" }}{{ end -}}
{{- $listen := dict "health" "0.0.0.0:9464" -}}
{{- if hasKey .Values.processes "web" }}{{ $_ := set $listen "web" "0.0.0.0:8085" }}{{ end -}}
{{- if hasKey .Values.processes "public" }}{{ $_ := set $listen "public" "0.0.0.0:8086" }}{{ end -}}
{{- $_ := set $settings "listen" (mergeOverwrite $listen ($settings.listen | default dict)) -}}
{{- $mappings := $settings.mappings | default dict -}}
{{- range $name := concat (keys .Values.mappings) (keys .Values.existingMappings) | uniq | sortAlpha -}}
{{- $from := dict "from" (printf "/etc/syncd/mappings/%s" $name) -}}
{{- $_ := set $mappings $name (mergeOverwrite $from (get $mappings $name | default dict)) -}}
{{- end -}}
{{- $_ := set $settings "mappings" $mappings -}}
{{ toYaml $settings }}
{{- end }}

{{- define "syncd.processes" -}}
{{ toYaml (.Values.processes | default (dict "all" (dict "replicas" 1))) }}
{{- end }}

{{/* Called with (root, health | web | public): the port of that listener. */}}
{{- define "syncd.port" -}}
{{ dig "listen" (index . 1) "" (include "syncd.settings" (index . 0) | fromYaml) | splitList ":" | last }}
{{- end }}

{{- define "syncd.container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "syncd.pod-security" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "syncd.env" -}}
- {name: SYNCD_CONFIG, value: /etc/syncd/settings/syncd.yaml}
- {name: CREDENTIALS_DIRECTORY, value: /run/secrets/syncd}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "syncd.mounts" -}}
- {name: settings, mountPath: /etc/syncd/settings, readOnly: true}
- {name: secrets, mountPath: /run/secrets/syncd, readOnly: true}
- {name: tmp, mountPath: /tmp}
- {name: state, mountPath: /var/lib/syncd}
{{- range $name := concat (keys .Values.mappings) (keys .Values.existingMappings) | uniq | sortAlpha }}
- {name: mapping-{{ $name }}, mountPath: /etc/syncd/mappings/{{ $name }}, readOnly: true}
{{- end }}
{{- end }}

{{/* Called with (root, the ConfigMap of settings, the Secret). */}}
{{- define "syncd.volumes" -}}
{{- $root := index . 0 -}}
- name: settings
  configMap: {name: {{ index . 1 }}}
- name: secrets
  secret: {secretName: {{ index . 2 }}, defaultMode: 0440}
- name: tmp
  emptyDir: {}
- name: state
{{- if include "syncd.sqlite" $root }}
  persistentVolumeClaim: {claimName: {{ $root.Values.persistence.existingClaim | default (include "syncd.name" $root) }}}
{{- else }}
  emptyDir: {}
{{- end }}
{{- range $name, $files := $root.Values.mappings }}
- name: mapping-{{ $name }}
  configMap: {name: {{ include "syncd.name" $root }}-mapping-{{ $name }}}
{{- end }}
{{- range $name, $map := $root.Values.existingMappings }}
- name: mapping-{{ $name }}
  configMap: {name: {{ $map }}}
{{- end }}
{{- end }}
