using System.Globalization;
using System.Text;
using Gateway.Load.Carriers.Null;
using Gateway.Load.Payloads;
using Gateway.Load.Sockets;

namespace Gateway.Load.Carriers.Http;

/// <summary>HTTP/1.1 with one request at a time on a connection; what the body is, the kinds of it say.</summary>
internal abstract class HttpCarrier : ICarrier
{
    private const string TimeoutHeader = "Inference-Timeout-Ms: ";

    public abstract string Name { get; }

    public string Scheme => "http";

    public virtual int DefaultPort => 8000;

    public bool IsMultiplexed => false;

    public string? TlsProtocol => "http/1.1";

    public EncodedRequest Encode(RequestPayload payload, RequestTarget target) => Encode(Body(payload, target), target);

    public EncodedRequest EncodeDescribe(RequestTarget target) => Encode(new HttpBody("GET", ModelPath(target), "", []), target);

    public ModelDescription ReadDescription(ReadOnlySpan<byte> body) => ModelDescription.Parse(body.ToArray());

    public WireConnection CreateConnection(RequestTarget target, int window) => new HttpConnection();

    public abstract IReadOnlyList<TensorPayload> Decode(ReadOnlySpan<byte> body, int bodyHeaderBytes);

    public NullResponder CreateResponder(byte[] answer) => new HttpResponder(WithLength(answer));

    protected abstract HttpBody Body(RequestPayload payload, RequestTarget target);

    /// <summary>The path of an inference, as the Open Inference Protocol has it.</summary>
    protected static string InferPath(RequestTarget target) => $"{ModelPath(target)}/infer";

    private static string ModelPath(RequestTarget target) =>
        $"/v2/models/{Uri.EscapeDataString(target.Model)}{(target.Version.Length > 0 ? $"/versions/{Uri.EscapeDataString(target.Version)}" : "")}";

    /// <summary>An answer that ended with its connection, as one that does not.</summary>
    private static byte[] WithLength(byte[] answer) =>
        ResponseHead.TryParse(answer, out ResponseHead head) && head.EndsWithConnection
            ? [.. answer.AsSpan(0, head.HeadBytes - 2), .. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"Content-Length: {answer.Length - head.HeadBytes}\r\n\r\n")), .. answer.AsSpan(head.HeadBytes)]
            : answer;

    private static EncodedRequest Encode(HttpBody body, RequestTarget target)
    {
        StringBuilder head = new();
        head.Append(CultureInfo.InvariantCulture, $"{body.Method} {body.Path} HTTP/1.1\r\nHost: {target.Authority}\r\n");
        if (body.ContentType.Length > 0) head.Append(CultureInfo.InvariantCulture, $"Content-Type: {body.ContentType}\r\n");
        if (body.HeaderBytes > 0) head.Append(CultureInfo.InvariantCulture, $"Inference-Header-Content-Length: {body.HeaderBytes}\r\n");
        if (body.Method != "GET") head.Append(CultureInfo.InvariantCulture, $"Content-Length: {body.Bytes.Length}\r\n");
        if (target.Token is { } token) head.Append(CultureInfo.InvariantCulture, $"Authorization: Bearer {token}\r\n");
        foreach (string header in target.Headers) head.Append(header).Append("\r\n");
        int timeoutAt = -1;
        if (target.HasTimeout)
        {
            // Headers may have more than ASCII.
            timeoutAt = Encoding.UTF8.GetByteCount(head.ToString()) + TimeoutHeader.Length;
            head.Append(TimeoutHeader).Append('0', TimeoutField.Bytes).Append("\r\n");
        }

        head.Append("\r\n");
        return new EncodedRequest([.. Encoding.UTF8.GetBytes(head.ToString()), .. body.Bytes], timeoutAt);
    }
}
