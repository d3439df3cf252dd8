// SPDX-License-Identifier: Apache-2.0
// Names of services for labels only: what usually listens there. Classes come from the server's port file.
const NAMES: Record<string, string> = {
	'tcp/7': 'Echo', 'udp/7': 'Echo', 'udp/17': 'QOTD', 'udp/19': 'CHARGEN', 'tcp/21': 'FTP', 'tcp/22': 'SSH', 'tcp/23': 'Telnet', 'tcp/25': 'SMTP',
	'tcp/53': 'DNS', 'udp/53': 'DNS', 'udp/69': 'TFTP', 'tcp/80': 'HTTP', 'tcp/81': 'HTTP', 'tcp/82': 'HTTP', 'tcp/83': 'HTTP', 'tcp/85': 'HTTP',
	'tcp/88': 'HTTP', 'tcp/102': 'S7comm', 'tcp/110': 'POP3', 'tcp/111': 'RPC', 'udp/111': 'RPC', 'udp/123': 'NTP', 'tcp/135': 'MS-RPC',
	'udp/137': 'NetBIOS', 'udp/138': 'NetBIOS', 'tcp/139': 'NetBIOS', 'tcp/143': 'IMAP', 'udp/161': 'SNMP', 'tcp/179': 'BGP', 'tcp/389': 'LDAP', 'udp/389': 'CLDAP',
	'tcp/443': 'HTTPS', 'udp/443': 'QUIC', 'tcp/445': 'SMB', 'tcp/465': 'SMTPS', 'udp/500': 'IKE', 'tcp/502': 'Modbus', 'tcp/554': 'RTSP', 'tcp/587': 'SMTP',
	'udp/623': 'IPMI', 'tcp/873': 'rsync', 'tcp/993': 'IMAPS', 'tcp/995': 'POP3S', 'tcp/1080': 'SOCKS', 'udp/1194': 'OpenVPN', 'tcp/1433': 'MS-SQL', 'udp/1434': 'MS-SQL',
	'tcp/1723': 'PPTP', 'tcp/1883': 'MQTT', 'udp/1900': 'SSDP', 'tcp/2222': 'SSH', 'tcp/2323': 'Telnet', 'tcp/2375': 'Docker', 'tcp/2376': 'Docker',
	'udp/3283': 'ARD', 'tcp/3306': 'MySQL', 'tcp/3389': 'RDP', 'udp/3389': 'RDP', 'udp/3478': 'STUN', 'udp/3702': 'WSD', 'tcp/4444': 'Metasploit', 'udp/4500': 'IPsec', 'tcp/4899': 'Radmin',
	'tcp/5000': 'UPnP', 'tcp/5038': 'Asterisk', 'tcp/5060': 'SIP', 'udp/5060': 'SIP', 'udp/5353': 'mDNS', 'tcp/5432': 'PostgreSQL', 'tcp/5555': 'ADB', 'udp/5683': 'CoAP',
	'tcp/5900': 'VNC', 'tcp/5901': 'VNC', 'tcp/5985': 'WinRM', 'tcp/6379': 'Redis', 'tcp/6443': 'Kubernetes', 'udp/6881': 'BitTorrent', 'tcp/7001': 'WebLogic', 'tcp/7547': 'TR-069',
	'tcp/8000': 'HTTP', 'tcp/8080': 'HTTP', 'tcp/8081': 'HTTP', 'tcp/8088': 'HTTP', 'tcp/8291': 'Winbox', 'tcp/8443': 'HTTPS', 'tcp/8545': 'Ethereum', 'tcp/8728': 'RouterOS', 'tcp/8888': 'HTTP',
	'tcp/9000': 'HTTP', 'tcp/9090': 'HTTP', 'tcp/9200': 'Elastic', 'tcp/9527': 'Camera', 'udp/10001': 'Ubiquiti', 'tcp/10250': 'Kubelet', 'tcp/11211': 'Memcached', 'udp/11211': 'Memcached',
	'tcp/27017': 'MongoDB', 'udp/32414': 'Plex', 'udp/33848': 'Jenkins', 'tcp/34567': 'DVR', 'tcp/37215': 'UPnP', 'udp/37810': 'DVR', 'tcp/47808': 'BACnet', 'udp/47808': 'BACnet',
	'tcp/52869': 'UPnP', 'tcp/60023': 'Telnet',
};

export const serviceName = (protocol: string, port: number): string => NAMES[`${protocol}/${port}`] ?? '';

/** Ports whose service starts with these letters, as [protocol, port, name]. */
export function portsNamed(start: string): [string, number, string][] {
	const wanted = start.toLowerCase();
	return Object.entries(NAMES)
		.filter(([, name]) => name.toLowerCase().startsWith(wanted))
		.map(([key, name]) => {
			const [protocol = '', port = ''] = key.split('/');
			return [protocol, Number(port), name];
		});
}
