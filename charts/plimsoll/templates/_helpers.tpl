{{- define "plimsoll.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 49 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of everything; 49 characters, so that a suffix still fits into a label. */}}
{{- define "plimsoll.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 49 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 49 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 49 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "plimsoll.selectorLabels" -}}
app.kubernetes.io/name: {{ include "plimsoll.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "plimsoll.labels" -}}
{{ include "plimsoll.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "plimsoll.serviceAccountName" -}}
{{- default (include "plimsoll.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* The name of what scans; a CronJob's has at most 52 characters. */}}
{{- define "plimsoll.scanName" -}}
{{- include "plimsoll.fullname" . | trunc 47 | trimSuffix "-" }}-scan
{{- end -}}

{{/* The image, quoted. */}}
{{- define "plimsoll.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest | quote -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) | quote -}}
{{- end -}}
{{- end -}}

{{- define "plimsoll.tokenVolume" -}}
# What automountServiceAccountToken would mount, for this container only.
- name: token
  projected:
    sources:
    - serviceAccountToken:
        path: token
        expirationSeconds: 3607
    - configMap:
        name: kube-root-ca.crt
        items:
        - key: ca.crt
          path: ca.crt
    - downwardAPI:
        items:
        - path: namespace
          fieldRef:
            apiVersion: v1
            fieldPath: metadata.namespace
{{- end -}}

{{/* Rules of a NetworkPolicy. */}}
{{- define "plimsoll.toApiServer" -}}
# The API server.
- ports:
  {{- range .Values.networkPolicy.apiServerPorts }}
  - port: {{ . }}
    protocol: TCP
  {{- end }}
  {{- with .Values.networkPolicy.apiServerCIDRs }}
  to:
  {{- range . }}
  - ipBlock:
      cidr: {{ . }}
  {{- end }}
  {{- end }}
# Its name, where it goes by one.
- ports:
  - port: 53
    protocol: UDP
  - port: 53
    protocol: TCP
{{- end -}}

{{/* The Secret with tls.crt and tls.key that the pods mount. */}}
{{- define "plimsoll.tlsSecret" -}}
{{- if eq .Values.certificates.mode "provided" -}}
{{- .Values.certificates.provided.secretName -}}
{{- else -}}
{{- include "plimsoll.fullname" . }}-tls
{{- end -}}
{{- end -}}

{{/* The Secret that the server keeps its own certificates in. */}}
{{- define "plimsoll.selfManagedSecret" -}}
{{- include "plimsoll.fullname" . }}-certificates
{{- end -}}

{{/* The host of webhook.url, without brackets or port. */}}
{{- define "plimsoll.urlHost" -}}
{{- (urlParse .Values.webhook.url).hostname -}}
{{- end -}}

{{/* JSON list: the names that the certificate is for. */}}
{{- define "plimsoll.hosts" -}}
{{- $hosts := list -}}
{{- if .Values.server.enabled -}}
{{- $hosts = append $hosts (printf "%s.%s.svc" (include "plimsoll.fullname" .) .Release.Namespace) -}}
{{- end -}}
{{- if .Values.webhook.url -}}
{{- $hosts = append $hosts (include "plimsoll.urlHost" .) -}}
{{- end -}}
{{- $hosts | toJson -}}
{{- end -}}

{{/* JSON list: the namespaces that are never judged. */}}
{{- define "plimsoll.excluded" -}}
{{- append .Values.excludedNamespaces .Release.Namespace | uniq | toJson -}}
{{- end -}}

{{/* JSON list: the prefixes of the labels that are read. */}}
{{- define "plimsoll.labelPrefixes" -}}
{{- $prefixes := list "plimsoll.dev/" -}}
{{- if .Values.honourPodSecurityLabels -}}
{{- $prefixes = append $prefixes "pod-security.kubernetes.io/" -}}
{{- end -}}
{{- $prefixes | toJson -}}
{{- end -}}

{{/* The configuration, of kind Configuration. */}}
{{- define "plimsoll.configuration" -}}
{{- $v := .Values -}}
{{- $server := dict
      "listen" (printf "%s:8443" $v.server.listenAddress)
      "management" (printf "%s:8080" $v.server.listenAddress)
      "maxBodyBytes" (int64 $v.server.maxBodyBytes)
      "maxConnections" (int64 $v.server.maxConnections)
      "drainDelay" (printf "%ds" (int64 $v.server.drainDelaySeconds))
      "drainTimeout" (printf "%ds" (int64 $v.server.drainTimeoutSeconds)) -}}
{{- if $v.server.clientCA -}}
{{- $_ := set $server "clientCA" "/etc/plimsoll/config/client-ca.crt" -}}
{{- end -}}
{{- $c := dict
      "apiVersion" "plimsoll.dev/v1alpha1"
      "kind" "Configuration"
      "log" (dict "level" $v.log.level "decisions" $v.log.decisions)
      "dryRun" $v.dryRun -}}
{{- /* Defaults of the server are left out, so that an older one understands what is asked of it. */ -}}
{{- if $v.apiAccess -}}
{{- $_ := set $c "namespaceLabels" true -}}
{{- end -}}
{{- if ne $v.updates "upstream" -}}
{{- $_ := set $c "updates" $v.updates -}}
{{- end -}}
{{- if eq $v.certificates.mode "selfManaged" -}}
{{- $_ := set $c "selfManaged" (dict
      "secret" (dict "namespace" .Release.Namespace "name" (include "plimsoll.selfManagedSecret" .))
      "hosts" (include "plimsoll.hosts" . | fromJsonArray)
      "webhookConfiguration" (include "plimsoll.fullname" .)
      "caValidity" $v.certificates.selfManaged.caValidity
      "servingValidity" $v.certificates.selfManaged.servingValidity) -}}
{{- else -}}
{{- $_ := set $server "tlsCert" "/etc/plimsoll/tls/tls.crt" -}}
{{- $_ := set $server "tlsKey" "/etc/plimsoll/tls/tls.key" -}}
{{- end -}}
{{- /* The registration whose conditions it holds against its own; selfManaged has named it. */ -}}
{{- if and $v.apiAccess $v.prefilter (ne $v.certificates.mode "selfManaged") -}}
{{- $_ := set $c "webhookConfiguration" (include "plimsoll.fullname" .) -}}
{{- end -}}
{{- $_ := set $c "server" $server -}}
{{- if and $v.honourPodSecurityLabels $v.apiAccess -}}
{{- $_ := set $c "honourPodSecurityLabels" true -}}
{{- end -}}
{{- $exemptions := dict -}}
{{- range $key, $names := $v.exemptions -}}
{{- if $names -}}
{{- $_ := set $exemptions $key $names -}}
{{- end -}}
{{- end -}}
{{- if $exemptions -}}
{{- $_ := set $c "exemptions" $exemptions -}}
{{- end -}}
{{- if $v.labelEditors -}}
{{- $_ := set $c "labelEditors" $v.labelEditors -}}
{{- end -}}
{{- if $v.templates -}}
{{- $_ := set $c "templates" (list "templates.yaml") -}}
{{- end -}}
{{- $podTemplates := dict -}}
{{- range $resource := $v.customResources -}}
{{- range $kind, $places := $resource.podTemplates -}}
{{- $_ := set $podTemplates (printf "%s/%s" $resource.apiGroup $kind) $places -}}
{{- end -}}
{{- end -}}
{{- if $podTemplates -}}
{{- $_ := set $c "podTemplates" $podTemplates -}}
{{- end -}}
{{- /* Without API access the registration's fixed routes decide, and no binding is asked. */ -}}
{{- if $v.apiAccess -}}
{{- $bindings := list -}}
{{- if eq $v.scope "cluster" -}}
{{- $bindings = append $bindings (dict "name" "cluster" "mode" "enforce" "template" $v.template
      "excludeNamespaces" (include "plimsoll.excluded" . | fromJsonArray)) -}}
{{- end -}}
{{- $bindings = concat $bindings $v.bindings -}}
{{- if $bindings -}}
{{- $_ := set $c "bindings" $bindings -}}
{{- end -}}
{{- end -}}
{{- toYaml $c -}}
{{- end -}}

{{/* The templates of values.templates, as one file. */}}
{{- define "plimsoll.templates" -}}
{{- range .Values.templates -}}
---
{{ dict "apiVersion" "plimsoll.dev/v1alpha1" "kind" "SecurityTemplate" "metadata" (dict "name" .name) "spec" .spec | toYaml }}
{{ end -}}
{{- end -}}

{{/* What a schema cannot say. */}}
{{- define "plimsoll.validate" -}}
{{- $names := list "cluster" -}}
{{- range $i, $b := .Values.bindings -}}
{{- if has $b.name $names -}}
{{- fail (printf "bindings[%d].name: %q is taken; choose another" $i $b.name) -}}
{{- end -}}
{{- $names = append $names $b.name -}}
{{- end -}}
{{- $kinds := list -}}
{{- range $i, $resource := .Values.customResources -}}
{{- range $kind, $places := $resource.podTemplates -}}
{{- $name := printf "%s/%s" $resource.apiGroup $kind -}}
{{- if has $name $kinds -}}
{{- fail (printf "customResources[%d].podTemplates.%s: %s has its places already; keep one of them" $i $kind $name) -}}
{{- end -}}
{{- $kinds = append $kinds $name -}}
{{- end -}}
{{- end -}}
{{- $names = list "privileged" "baseline" "restricted" "least-privilege" -}}
{{- range $i, $t := .Values.templates -}}
{{- if has $t.name $names -}}
{{- fail (printf "templates[%d].name: %q is taken; choose another" $i $t.name) -}}
{{- end -}}
{{- $names = append $names $t.name -}}
{{- if and $.Values.prefilter $t.prefilter -}}
{{- /* What another template or version asks would let pods by that break this one. */ -}}
{{- $name := printf "prefilter.plimsoll.dev/%s.%s" $t.name (include "plimsoll.newest" (list $ $t.name)) -}}
{{- range $kind, $conditions := $t.prefilter -}}
{{- if ne $name (first $conditions).name -}}
{{- fail (printf "templates[%d].prefilter.%s[0].name: %q is not %q; write what `plimsoll templates export %s --templates FILE --as match-conditions` prints" $i $kind (first $conditions).name $name $t.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $used := dict "template" .Values.template -}}
{{- range $i, $b := .Values.bindings -}}
{{- $_ := set $used (printf "bindings[%d].template" $i) $b.template -}}
{{- end -}}
{{- range $i, $t := .Values.labelTemplates -}}
{{- $_ := set $used (printf "labelTemplates[%d]" $i) $t -}}
{{- end -}}
{{- range $field, $ref := $used -}}
{{- if not (has (splitList "@" $ref | first) $names) -}}
{{- fail (printf "%s: there is no template %q; use %s, or add it to templates" $field $ref (join ", " $names)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
