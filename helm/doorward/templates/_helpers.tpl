{{- define "doorward.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "doorward.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := include "doorward.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "doorward.selector" -}}
app.kubernetes.io/name: {{ include "doorward.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "doorward.labels" -}}
{{ include "doorward.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "doorward.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "doorward.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "doorward.image" -}}
{{- $image := .Values.image }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{- define "doorward.existingConfig" -}}
{{- or .Values.existingConfig.configMap .Values.existingConfig.secret }}
{{- end }}

{{/* What cannot work is refused here, in words, rather than by pods that do not start. */}}
{{- define "doorward.refuse" -}}
{{- $v := .Values }}
{{- $own := not (include "doorward.existingConfig" .) }}
{{- if not $v.image.repository }}
{{- fail "image.repository is empty: build the image with deploy/docker/Dockerfile, push it, and write its name here" }}
{{- end }}
{{- if and $v.existingConfig.configMap $v.existingConfig.secret }}
{{- fail "existingConfig: write configMap or secret, not both" }}
{{- end }}
{{- if and $own (not $v.config.routes) }}
{{- fail "config.routes is empty: Doorward would answer 404 to everything" }}
{{- end }}
{{- if and $own (hasKey $v.config "admin") }}
{{- fail "config.admin: the chart writes it; set admin.port and admin.exposed instead" }}
{{- end }}
{{- if $own }}
{{- $config := include "doorward.config" . | fromYaml }}
{{- $store := dig "session" "store" "memory" $config }}
{{- if and (eq $store "memory") (or (gt (int $v.replicas) 1) $v.autoscaling.enabled) }}
{{- fail "more than one gateway with sessions in memory: each would know only its own people; set redis.url, or replicas: 1 without autoscaling" }}
{{- end }}
{{- if and (eq $store "redis") (not (dig "session" "keys" (list) $config)) }}
{{- fail "sessions in Redis without keys: set sessionKeys.existingSecret and sessionKeys.ids" }}
{{- end }}
{{- end }}
{{- if and $v.sessionKeys.ids (not $v.sessionKeys.existingSecret) }}
{{- fail "sessionKeys.ids without sessionKeys.existingSecret: say which Secret holds them" }}
{{- end }}
{{- if and $v.redis.ca (not (has (regexReplaceAll "/.*$" $v.redis.ca "") $v.secrets)) }}
{{- fail (printf "redis.ca: %s is not in a Secret of `secrets`" $v.redis.ca) }}
{{- end }}
{{- if and $v.admin.exposed (not $v.networkPolicy.enabled) (not $v.admin.insecureWithoutNetworkPolicy) }}
{{- fail "admin.exposed without networkPolicy.enabled: every pod of the cluster could reach it; enable the policy, or set admin.insecureWithoutNetworkPolicy" }}
{{- end }}
{{- if and (or $v.podMonitor.enabled $v.serviceMonitor.enabled) (not $v.admin.exposed) }}
{{- fail "podMonitor and serviceMonitor need admin.exposed: true: metrics on loopback can be scraped by nobody" }}
{{- end }}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) }}
{{- fail "ingress.hosts is empty: an Ingress without hosts would take every host of its controller" }}
{{- end }}
{{- if and $v.httpRoute.enabled (or (not $v.httpRoute.parentRefs) (not $v.httpRoute.hostnames)) }}
{{- fail "httpRoute needs parentRefs and hostnames" }}
{{- end }}
{{- end }}

{{/* doorward.yaml */}}
{{- define "doorward.config" -}}
{{- $v := .Values }}
{{- $admin := dict "address" (printf "127.0.0.1:%d" (int $v.admin.port)) }}
{{- if $v.admin.exposed }}
{{- $admin = dict "address" (printf "0.0.0.0:%d" (int $v.admin.port)) "insecure_public_admin" true }}
{{- end }}
{{- with $v.admin.tokenFile }}{{ $_ := set $admin "token_file" . }}{{ end }}
{{- $session := dict }}
{{- if $v.redis.url }}
{{- $redis := dict "url" $v.redis.url }}
{{- with $v.redis.username }}{{ $_ := set $redis "username" . }}{{ end }}
{{- if $v.redis.existingSecret }}{{ $_ := set $redis "password_env" "DOORWARD_REDIS_PASSWORD" }}{{ end }}
{{- with $v.redis.ca }}{{ $_ := set $redis "ca_file" (printf "/etc/doorward/secrets/%s" .) }}{{ end }}
{{- $_ := set $session "store" "redis" }}
{{- $_ := set $session "redis" $redis }}
{{- end }}
{{- if $v.sessionKeys.ids }}
{{- $keys := list }}
{{- range $v.sessionKeys.ids }}
{{- $keys = append $keys (dict "id" . "key_file" (printf "/etc/doorward/session-keys/%s" .)) }}
{{- end }}
{{- $_ := set $session "keys" $keys }}
{{- end }}
{{- $made := dict "admin" $admin }}
{{- if $session }}{{ $_ := set $made "session" $session }}{{ end }}
{{- toYaml (mergeOverwrite $made (deepCopy $v.config)) }}
{{- end }}

{{/* A probe: by the kubelet when it reaches the listener, else within the container. */}}
{{- define "doorward.probe" -}}
{{- if .root.Values.admin.exposed }}
httpGet:
  path: {{ .path }}
  port: admin
{{- else }}
exec:
  command:
    - /usr/bin/doorward
    - health
    - --url=http://127.0.0.1:{{ .root.Values.admin.port }}
    {{- if eq .path "/live" }}
    - --live
    {{- end }}
{{- end }}
{{ toYaml .terms }}
{{- end }}
