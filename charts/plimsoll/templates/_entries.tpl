{{/*
JSON list of who is judged how: the one list from which the registration's entries are rendered. Each entry has
  name                begins the names of its webhooks
  mode                the strictest it may be; enforce is the only one that the API server has to wait for
  selector            of namespaces, every default written out
  path                for pods
  podConditions       more match conditions: globs, which a selector cannot express, and the prefilter
  workloadsPath       for workloads and custom resources
  workloadConditions  the same for workloads
  customConditions    the same for custom resources, which have no prefilter

Entries are made of items, lists in YAML, one `define` for each way of registering. An item has a name, a mode, a template (a name or
name@version; none: it is about several), the expressions of its selector beside the excluded namespaces, and perhaps matchLabels,
conditions and workloadsMode.

A selector cannot say "or". Where the server decides without prefilter, items of labels exclude each other, so that a pod is asked about
once, unless bindings overlap. With prefilter a pod is asked about once for each mode in which it may break a line.
*/}}
{{- define "plimsoll.entries" -}}
{{- $v := .Values -}}
{{- $prefilters := include "plimsoll.prefilters" . | fromJson -}}
{{- $context := dict "Values" $v "prefixes" (include "plimsoll.labelPrefixes" . | fromJsonArray) "prefilters" $prefilters
      "modes" (list "enforce" "warn" "audit") "cluster" "" -}}
{{- $items := list -}}
{{- if eq $v.scope "cluster" -}}
{{- $items = append $items (dict "name" "enforce" "mode" "enforce" "template" $v.template) -}}
{{- /* What that item asks about already, the others leave out. */ -}}
{{- if and $v.apiAccess (not $v.prefilter) -}}
{{- $_ := set $context "modes" list -}}
{{- else if $v.apiAccess -}}
{{- if include "plimsoll.conditions" (list $prefilters $v.template) | fromJson -}}
{{- $_ := set $context "cluster" (splitList "@" $v.template | first) -}}
{{- else -}}
{{- $_ := set $context "modes" (list "warn" "audit") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $labels := "plimsoll.items.fixed" -}}
{{- if $v.apiAccess -}}
{{- $labels = ternary "plimsoll.items.prefiltered" "plimsoll.items.decided" $v.prefilter -}}
{{- end -}}
{{- $items = concat $items (include $labels $context | fromYamlArray) (include "plimsoll.items.bindings" $context | fromYamlArray) -}}

{{- $excluded := dict "key" "kubernetes.io/metadata.name" "operator" "NotIn" "values" (include "plimsoll.excluded" . | fromJsonArray) -}}
{{- $entries := list -}}
{{- range $item := $items -}}
{{- $selector := dict "matchExpressions" (concat (list $excluded) (default list $item.expressions)) -}}
{{- if $item.matchLabels -}}
{{- $_ := set $selector "matchLabels" $item.matchLabels -}}
{{- end -}}
{{- $path := "/validate" -}}
{{- $workloadsPath := $path -}}
{{- if not $v.apiAccess -}}
{{- /* The API server takes no @ in the path of a Service. */ -}}
{{- $template := $item.template | replace "@" "/" -}}
{{- $path = printf "/validate/%s/%s" $item.mode $template -}}
{{- /* Enforcing pods warns about workloads, unless a binding says otherwise. */ -}}
{{- $workloadsMode := default (ternary "warn" $item.mode (eq $item.mode "enforce")) $item.workloadsMode -}}
{{- $workloadsPath = printf "/validate/%s/%s" $workloadsMode $template -}}
{{- else if $v.prefilter -}}
{{- $path = printf "/validate/%s" $item.mode -}}
{{- $workloadsPath = $path -}}
{{- end -}}
{{- $conditions := default list $item.conditions -}}
{{- $prefilter := include "plimsoll.conditions" (list $prefilters $item.template) | fromJson -}}
{{- $entries = append $entries (dict "name" $item.name "mode" $item.mode "selector" $selector
      "path" $path "podConditions" (concat $conditions (default list $prefilter.pods))
      "workloadsPath" $workloadsPath "workloadConditions" (concat $conditions (default list $prefilter.workloads))
      "customConditions" $conditions) -}}
{{- end -}}
{{- $entries | toJson -}}
{{- end -}}

{{/* Items of labels where the server decides: the first label that a namespace has decides which item is its own. */}}
{{- define "plimsoll.items.decided" -}}
{{- $before := list -}}
{{- range $mode := .modes }}
{{- range $prefix := $.prefixes }}
{{- $label := print $prefix $mode }}
- name: {{ $mode }}{{ include "plimsoll.items.suffix" $prefix }}
  mode: {{ $mode }}
  expressions: {{ append $before (dict "key" $label "operator" "Exists") | toJson }}
{{- $before = append $before (dict "key" $label "operator" "DoesNotExist") }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
Items of labels where the API server decides first. It knows of a template what the newest version asks; an absent version, a newer and
an ill-written one are read as the newest. What else a namespace may ask for falls to the general items, which have no condition.
*/}}
{{- define "plimsoll.items.prefiltered" -}}
{{- range $mode := .modes }}
{{- range $prefix := $.prefixes }}
{{- $label := print $prefix $mode }}
{{- $suffix := include "plimsoll.items.suffix" $prefix }}
{{- $known := include "plimsoll.items.templates" (list $prefix (keys $.prefilters | sortAlpha)) | fromJsonArray }}
{{- $byNewest := dict }}
{{- range $template := $known }}
{{- $newest := (get $.prefilters $template).newest }}
{{- $_ := set $byNewest $newest (append (default list (get $byNewest $newest)) $template) }}
{{- if not (and (eq $mode "enforce") (eq $template $.cluster)) }}
- name: {{ $mode }}.{{ $template }}{{ $suffix }}
  mode: {{ $mode }}
  template: {{ $template | quote }}
  expressions:
  - {key: {{ $label }}, operator: In, values: [{{ $template | quote }}]}
  - {key: {{ $label }}-version, operator: NotIn, values: {{ include "plimsoll.olderThan" $newest }}}
  {{- if ne $prefix (first $.prefixes) }}
  - {key: {{ first $.prefixes }}{{ $mode }}, operator: NotIn, values: [{{ $template | quote }}]} # asked about already
  {{- end }}
{{- end }}
{{- end }}
- name: {{ $mode }}.other.general{{ $suffix }}
  mode: {{ $mode }}
  expressions:
  - {key: {{ $label }}, operator: Exists}
  - {key: {{ $label }}, operator: NotIn, values: {{ append $known "privileged" | toJson }}}
{{- range $newest, $templates := $byNewest }}
- name: {{ $mode }}.before-{{ $newest | replace "." "-" }}.general{{ $suffix }}
  mode: {{ $mode }}
  expressions:
  - {key: {{ $label }}, operator: In, values: {{ $templates | toJson }}}
  - {key: {{ $label }}-version, operator: In, values: {{ include "plimsoll.olderThan" $newest }}}
{{- end }}
{{- if eq $mode "warn" }}
{{- /* Without a label of its own, warn is as enforce, but at its own version if it has one. */}}
{{- $own := list }}
{{- range $.Values.templates }}
{{- $own = append $own .name }}
{{- end }}
- name: warn.implied.general{{ $suffix }}
  mode: warn
  expressions:
  - {key: {{ $prefix }}enforce, operator: In, values: {{ include "plimsoll.items.templates" (list $prefix (concat $known $own | uniq)) }}}
  - {key: {{ $label }}, operator: DoesNotExist}
  - {key: {{ $label }}-version, operator: Exists}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Items of labels where the path decides: one for each template that a label may name, and each pinned version. */}}
{{- define "plimsoll.items.fixed" -}}
{{- $refs := .Values.labelTemplates -}}
{{- range .Values.templates -}}
{{- $refs = append $refs .name -}}
{{- end -}}
{{- /* A version that is not listed means the newest, so that one is listed as well. */ -}}
{{- range $refs -}}
{{- $refs = append $refs (splitList "@" . | first) -}}
{{- end -}}
{{- $refs = without (uniq $refs) "privileged" -}}
{{- range $mode := .modes }}
{{- range $prefix := $.prefixes }}
{{- $label := print $prefix $mode }}
{{- range $ref := include "plimsoll.items.templates" (list $prefix $refs) | fromJsonArray }}
{{- if not (and (eq $.Values.scope "cluster") (eq $ref $.Values.template)) }}
{{- $template := splitList "@" $ref | first }}
{{- $pinned := list }}
{{- range $refs }}
{{- if hasPrefix (print $template "@") . }}
{{- $pinned = append $pinned (splitList "@" . | last) }}
{{- end }}
{{- end }}
- name: {{ $mode }}.{{ $ref | replace "@" "-" | replace "." "-" }}{{ include "plimsoll.items.suffix" $prefix }}
  mode: {{ $mode }}
  template: {{ $ref | quote }}
  expressions:
  - {key: {{ $label }}, operator: In, values: [{{ $template | quote }}]}
  {{- if contains "@" $ref }}
  - {key: {{ $label }}-version, operator: In, values: [{{ splitList "@" $ref | last | quote }}]}
  {{- else if $pinned }}
  - {key: {{ $label }}-version, operator: NotIn, values: {{ $pinned | toJson }}}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- /* What a label names that is none of these is restricted, as where the server decides. */}}
{{- range $prefix := .prefixes }}
{{- $known := list "privileged" }}
{{- range include "plimsoll.items.templates" (list $prefix $refs) | fromJsonArray }}
{{- if not (contains "@" .) }}
{{- $known = append $known . }}
{{- end }}
{{- end }}
- name: enforce.unknown{{ include "plimsoll.items.suffix" $prefix }}
  mode: enforce
  template: restricted
  expressions:
  - {key: {{ $prefix }}enforce, operator: Exists}
  - {key: {{ $prefix }}enforce, operator: NotIn, values: {{ $known | toJson }}}
{{- end }}
{{- end -}}

{{/* Items of bindings, the strictest's first. */}}
{{- define "plimsoll.items.bindings" -}}
{{- $v := .Values -}}
{{- $decided := and $v.apiAccess (not $v.prefilter) -}}
{{- $seen := dict -}}
{{- range $mode := .modes -}}
{{- range $b := $v.bindings -}}
{{- $ref := ternary (printf "%s@%s" $b.template $b.version) $b.template (not (empty $b.version)) -}}
{{- $prefilter := include "plimsoll.conditions" (list $.prefilters $ref) | fromJson -}}
{{- $template := splitList "@" $ref | first -}}
{{- if and (eq $b.mode $mode) (not (and $prefilter (eq $mode "enforce") (eq $template $.cluster))) -}}
{{- $expressions := list -}}
{{- $conditions := list -}}
{{- if $b.namespaces -}}
{{- if regexMatch "[*?]" (join "" $b.namespaces) -}}
{{- $conditions = append $conditions (dict "name" "namespaces" "expression" (printf "request.namespace.matches(%q)" (include "plimsoll.globs" $b.namespaces))) -}}
{{- else -}}
{{- $expressions = append $expressions (dict "key" "kubernetes.io/metadata.name" "operator" "In" "values" $b.namespaces) -}}
{{- end -}}
{{- end -}}
{{- if $b.excludeNamespaces -}}
{{- if regexMatch "[*?]" (join "" $b.excludeNamespaces) -}}
{{- $conditions = append $conditions (dict "name" "exclude-namespaces" "expression" (printf "!request.namespace.matches(%q)" (include "plimsoll.globs" $b.excludeNamespaces))) -}}
{{- else -}}
{{- $expressions = append $expressions (dict "key" "kubernetes.io/metadata.name" "operator" "NotIn" "values" $b.excludeNamespaces) -}}
{{- end -}}
{{- end -}}
{{- $selector := default dict $b.selector -}}
{{- $expressions = concat $expressions (default list $selector.matchExpressions) -}}
{{- $item := dict "name" (printf "%s.%s.binding" $mode $b.name) "mode" $mode "template" $ref "matchLabels" (default dict $selector.matchLabels) "conditions" $conditions -}}
{{- /* Where the server decides, one item is enough for bindings of the same namespaces: the strictest's. */ -}}
{{- $key := list $expressions $item.matchLabels $conditions | toJson -}}
{{- if not (and $decided (hasKey $seen $key)) -}}
{{- $_ := set $seen $key true -}}
{{- if $decided -}}
{{- /* Namespaces with a label as strict have an item already. */ -}}
{{- range $label := ternary (list "enforce") $.modes (eq $mode "enforce") -}}
{{- range $prefix := $.prefixes -}}
{{- $expressions = append $expressions (dict "key" (print $prefix $label) "operator" "DoesNotExist") -}}
{{- end -}}
{{- end -}}
{{- else if and $v.apiAccess $prefilter -}}
{{- /* So have those whose label names the same template. */ -}}
{{- range $prefix := $.prefixes -}}
{{- range include "plimsoll.items.templates" (list $prefix (list $template)) | fromJsonArray -}}
{{- $expressions = append $expressions (dict "key" (print $prefix $mode) "operator" "NotIn" "values" (list .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if eq (default "warn" $b.workloads) "enforce" -}}
{{- $_ := set $item "workloadsMode" $mode -}}
{{- end -}}
{{- set $item "expressions" $expressions | list | toYaml | nindent 0 -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What names of a label's items end with: (prefix) */}}
{{- define "plimsoll.items.suffix" -}}
{{- if ne . "plimsoll.dev/" }}.pod-security{{ end -}}
{{- end -}}

{{/* JSON list: those of the templates that a label may name: (prefix, templates) */}}
{{- define "plimsoll.items.templates" -}}
{{- $out := list -}}
{{- range $ref := index . 1 -}}
{{- if or (eq (index $ 0) "plimsoll.dev/") (has (splitList "@" $ref | first) (list "baseline" "restricted")) -}}
{{- $out = append $out $ref -}}
{{- end -}}
{{- end -}}
{{- $out | toJson -}}
{{- end -}}

{{/* A regular expression for a list of names and globs. */}}
{{- define "plimsoll.globs" -}}
{{- $parts := list -}}
{{- range . -}}
{{- $parts = append $parts (. | replace "*" ".*" | replace "?" ".") -}}
{{- end -}}
^({{ join "|" $parts }})$
{{- end -}}

{{/* clientConfig: (root, path) */}}
{{- define "plimsoll.clientConfig" -}}
{{- $root := index . 0 -}}
{{- $path := index . 1 -}}
{{- with $root.Values.webhook.url -}}
url: {{ trimSuffix "/" . }}{{ $path }}
{{- else -}}
service:
  namespace: {{ $root.Release.Namespace }}
  name: {{ include "plimsoll.fullname" $root }}
  path: {{ $path }}
  port: 443
{{- end }}
{{- if and (eq $root.Values.certificates.mode "provided") $root.Values.certificates.provided.caBundle }}
caBundle: {{ $root.Values.certificates.provided.caBundle | b64enc }}
{{- end }}
{{- end -}}

{{/* failurePolicy: (root, mode) */}}
{{- define "plimsoll.failurePolicy" -}}
{{- $root := index . 0 -}}
{{- if and (eq (index . 1) "enforce") (not $root.Values.dryRun) -}}
{{- $root.Values.failurePolicy -}}
{{- else -}}
Ignore
{{- end -}}
{{- end -}}
