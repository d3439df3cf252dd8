// SPDX-License-Identifier: Apache-2.0
// The programs on the graphics card. All motion is computed here from the time of birth: the processor touches no particle
// between its arrival and its end.

/* Eight corners for each particle: four for the flyer and its trail, which after landing is the mark where it landed, and
 * four for the mark where it started. */
export const PARTICLE_VERTEX = `#version 300 es
precision highp float;
layout(location = 0) in vec4 a_route; /* from, to */
layout(location = 1) in vec2 a_life; /* birth, look */
uniform mat4 u_camera;
uniform vec2 u_size; /* of the picture, device pixels */
uniform float u_now, u_flight, u_glow, u_pixel; /* s, s, s, device pixels per pixel */
uniform float u_half; /* the planes stand at ± this; 0: everything lies in one plane */
uniform float u_arc; /* height of the way over the straight line */
uniform float u_trail; /* share of the way that the trail covers */
uniform float u_still; /* 1: nothing flies */
uniform int u_lit; /* the particle that is pointed at */
uniform vec4 u_colours[6];
out vec2 v_at; /* device pixels: along the motion from the middle of the head, and across */
flat out vec4 v_form; /* radius, length of the trail, look, lit */
out vec4 v_colour;

vec3 start() { return u_half > 0.0 ? vec3(-u_half, a_route.y, a_route.x) : vec3(a_route.xy, 0.0); }
vec3 end() { return u_half > 0.0 ? vec3(u_half, a_route.w, a_route.z) : vec3(a_route.zw, 0.0); }
vec3 way(float t) {
	return mix(start(), end(), t) + vec3(0.0, u_arc * 4.0 * t * (1.0 - t), 0.0);
}

void main() {
	float age = u_now - a_life.x;
	int corner = gl_VertexID & 3;
	bool mark = gl_VertexID > 3;
	if (a_life.y < 0.0 || age < 0.0 || age > u_flight + u_glow) {
		gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
		v_at = vec2(0.0);
		v_form = vec4(0.0);
		v_colour = vec4(0.0);
		return;
	}
	bool flies = age < u_flight && u_still < 0.5;
	float t = flies ? age / u_flight : 1.0;
	float left = 1.0 - max(0.0, age - u_flight) / u_glow;
	float head = mark ? 0.0 : t;
	float tail = mark ? 0.0 : u_still > 0.5 ? 0.0 : flies ? max(0.0, t - u_trail) : min(1.0, 1.0 - u_trail + (age - u_flight) / u_flight);
	vec4 a = u_camera * vec4(way(head), 1.0);
	vec4 b = u_camera * vec4(way(tail), 1.0);
	vec2 at = a.xy / a.w * u_size * 0.5;
	vec2 from = b.xy / b.w * u_size * 0.5;
	vec2 run = at - from;
	float reach = length(run);
	vec2 along = reach > 0.5 ? run / reach : vec2(1.0, 0.0);
	int look = int(a_life.y);
	bool lit = gl_InstanceID == u_lit;
	float near = u_half > 0.0 ? clamp(6.3 / a.w, 0.6, 1.5) : 1.0;
	float radius = u_pixel * near * (mark ? 1.7 : flies ? 2.7 : 2.1) * (look == 4 ? 1.7 : 1.0) * (lit ? 2.2 : 1.0);
	float edge = radius + 1.5 * u_pixel;
	v_at = vec2((corner & 1) == 0 ? -reach - edge : edge, (corner & 2) == 0 ? -edge : edge);
	vec2 place = at + along * v_at.x + vec2(-along.y, along.x) * v_at.y;
	gl_Position = vec4(place / (u_size * 0.5) * a.w, a.z, a.w);
	float alpha = lit ? 1.0 : mark ? 0.55 * left * left : flies ? 0.95 : 0.8 * left * left;
	v_form = vec4(radius, mark ? 0.0 : reach, a_life.y, lit ? 1.0 : 0.0);
	v_colour = vec4(u_colours[look].rgb, alpha);
}`;

/* Shapes stay upright along their motion. Trails: TCP plain, UDP dotted, backscatter dashed; others short of breath. */
export const PARTICLE_FRAGMENT = `#version 300 es
precision highp float;
in vec2 v_at;
flat in vec4 v_form;
in vec4 v_colour;
uniform float u_pixel, u_cover, u_still; /* u_cover: 1 covers what is behind, less adds light to it */
out vec4 colour;

float shape(vec2 p, float r, int look) {
	if (look == 1) return max(abs(p.x), abs(p.y)) - r * 0.85;
	if (look == 2) return (abs(p.x) + abs(p.y)) * 0.72 - r * 0.85;
	if (look == 3) return abs(max(abs(p.y) * 0.87 + p.x * 0.5, -p.x) - r * 0.45) - r * 0.3;
	if (look == 4) return abs(length(p) - r * 0.75) - r * 0.25;
	if (look == 5) return min(abs(p.x), abs(p.y)) - r * 0.3 + max(0.0, length(p) - r);
	return length(p) - r;
}

void main() {
	float r = v_form.x;
	int look = int(v_form.z);
	float soft = u_pixel * 0.7;
	float body = 1.0 - smoothstep(-soft, soft, shape(v_at, r, look));
	if (v_form.w > 0.5)
		body = max(body, 1.0 - smoothstep(0.0, soft, abs(length(v_at) - r) - u_pixel * 0.5));
	float trail = 0.0;
	if (v_at.x < 0.0 && v_form.y > 1.0) {
		float rest = clamp(1.0 + v_at.x / v_form.y, 0.0, 1.0);
		float width = u_pixel * (0.35 + 0.75 * rest);
		trail = (1.0 - smoothstep(width - soft, width + soft, abs(v_at.y))) * (u_still > 0.5 ? 0.14 : 0.5 * rest * rest);
		float step = mod(-v_at.x / u_pixel, look == 1 ? 5.0 : 14.0);
		if ((look == 1 && step > 2.5) || (look == 3 && step > 8.0))
			trail *= 0.15;
	}
	float alpha = v_colour.a * max(body, trail);
	colour = vec4(v_colour.rgb * alpha, alpha * u_cover);
}`;

export const LINE_VERTEX = `#version 300 es
precision highp float;
layout(location = 0) in vec4 a_point; /* w: weight of the line */
uniform mat4 u_camera;
out float v_weight;
void main() {
	gl_Position = u_camera * vec4(a_point.xyz, 1.0);
	v_weight = a_point.w;
}`;

export const LINE_FRAGMENT = `#version 300 es
precision highp float;
in float v_weight;
uniform vec4 u_line;
out vec4 colour;
void main() {
	colour = vec4(u_line.rgb, 1.0) * v_weight;
}`;
