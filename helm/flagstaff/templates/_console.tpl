{{/* The console's ConfigMap: settings and files. */}}
{{- define "flagstaff.consoleFiles" -}}
{{- $chosen := dict "kafka" (dict "transactional_id_prefix" (include "flagstaff.fullname" .)) -}}
{{- with .Values.console -}}
{{- if and (eq .access "oidc") .ingress.enabled .ingress.tlsSecret -}}
{{- $_ := set $chosen "review" (dict "public_url" (printf "https://%s" .ingress.host)) -}}
{{- end -}}
{{- end -}}
settings.yaml: |
  {{- mergeOverwrite $chosen (deepCopy .Values.settings) (deepCopy .Values.console.settings) | toYaml | nindent 2 }}
{{- range $name, $text := .Values.console.files }}
{{ $name }}: {{ toJson $text }}
{{- end }}
{{- end -}}
