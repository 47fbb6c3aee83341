using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Gateway.UnitTests.Proxy;

/// <summary>A name server on a free port of loopback, which says what the test has it say.</summary>
internal sealed class TestDnsServer : IAsyncDisposable
{
    private const ushort TypeA = 1;
    private const ushort TypeCname = 5;
    private const ushort TypeAaaa = 28;
    private const ushort TypeSrv = 33;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly ConcurrentDictionary<(string Name, ushort Type), (uint Ttl, byte[][] Data)> _records = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;
    private volatile bool _isSilent;
    private int _queries;

    public TestDnsServer()
    {
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _serving = ServeAsync();
    }

    /// <summary>As settings have it: <c>127.0.0.1:port</c>.</summary>
    public string Address => _socket.LocalEndPoint!.ToString()!;

    /// <summary>Questions asked so far.</summary>
    public int Queries => Volatile.Read(ref _queries);

    /// <summary>Whether it answers nothing at all.</summary>
    public bool IsSilent
    {
        get => _isSilent;
        set => _isSilent = value;
    }

    public void SetHosts(string name, uint ttl, params string[] addresses)
    {
        foreach ((ushort type, AddressFamily family) in (ReadOnlySpan<(ushort, AddressFamily)>)[(TypeA, AddressFamily.InterNetwork), (TypeAaaa, AddressFamily.InterNetworkV6)])
        {
            byte[][] data = [.. addresses.Select(IPAddress.Parse).Where(address => address.AddressFamily == family).Select(address => address.GetAddressBytes())];
            if (data.Length > 0) _records[(name, type)] = (ttl, data);
            else _records.TryRemove((name, type), out _);
        }
    }

    public void SetAlias(string name, uint ttl, string target) => _records[(name, TypeCname)] = (ttl, [Labels(target)]);

    public void SetServices(string name, uint ttl, params (ushort Priority, ushort Weight, ushort Port, string Target)[] services)
    {
        _records[(name, TypeSrv)] = (ttl, [.. services.Select(service =>
        {
            byte[] data = new byte[6];
            BinaryPrimitives.WriteUInt16BigEndian(data, service.Priority);
            BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(2), service.Weight);
            BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(4), service.Port);
            return (byte[])[.. data, .. Labels(service.Target)];
        })]);
    }

    public void Remove(string name)
    {
        foreach ((string, ushort Type) key in _records.Keys.Where(key => key.Name == name).ToArray()) _records.TryRemove(key, out _);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving;
        _socket.Dispose();
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        byte[] packet = new byte[512];
        try
        {
            while (true)
            {
                SocketReceiveFromResult received = await _socket.ReceiveFromAsync(packet, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), _stop.Token);
                Interlocked.Increment(ref _queries);
                if (_isSilent) continue;
                await _socket.SendToAsync(Answer(packet.AsSpan(0, received.ReceivedBytes)), SocketFlags.None, received.RemoteEndPoint, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The test has ended.
        }
    }

    private byte[] Answer(ReadOnlySpan<byte> query)
    {
        int end = 12;
        List<string> labels = [];
        while (query[end] != 0)
        {
            labels.Add(Encoding.ASCII.GetString(query.Slice(end + 1, query[end])));
            end += query[end] + 1;
        }

        string name = string.Join('.', labels);
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(query[(end + 1)..]);
        List<(string Name, ushort Type, uint Ttl, byte[] Data)> answers = [];
        Collect(name, type, answers);
        bool isKnown = _records.Keys.Any(key => key.Name == name);
        List<byte> response = [.. query[..2], 0x81, (byte)(isKnown ? 0x80 : 0x83), 0, 1, 0, (byte)answers.Count, 0, 0, 0, 0, .. query[12..(end + 5)]];
        foreach ((string owner, ushort kind, uint ttl, byte[] data) in answers)
        {
            response.AddRange(Labels(owner));
            byte[] fixedPart = new byte[10];
            BinaryPrimitives.WriteUInt16BigEndian(fixedPart, kind);
            fixedPart[3] = 1;
            BinaryPrimitives.WriteUInt32BigEndian(fixedPart.AsSpan(4), ttl);
            BinaryPrimitives.WriteUInt16BigEndian(fixedPart.AsSpan(8), (ushort)data.Length);
            response.AddRange(fixedPart);
            response.AddRange(data);
        }

        return [.. response];
    }

    private void Collect(string name, ushort type, List<(string Name, ushort Type, uint Ttl, byte[] Data)> answers)
    {
        if (_records.TryGetValue((name, TypeCname), out (uint Ttl, byte[][] Data) alias))
        {
            answers.Add((name, TypeCname, alias.Ttl, alias.Data[0]));
            Collect(TextOf(alias.Data[0]), type, answers);
        }
        else if (_records.TryGetValue((name, type), out (uint Ttl, byte[][] Data) found))
        {
            foreach (byte[] data in found.Data) answers.Add((name, type, found.Ttl, data));
        }
    }

    private static byte[] Labels(string name) => [.. name.Split('.').SelectMany(label => (byte[])[(byte)label.Length, .. Encoding.ASCII.GetBytes(label)]), 0];

    private static string TextOf(byte[] labels)
    {
        List<string> text = [];
        for (int i = 0; labels[i] != 0; i += labels[i] + 1) text.Add(Encoding.ASCII.GetString(labels, i + 1, labels[i]));
        return string.Join('.', text);
    }
}
