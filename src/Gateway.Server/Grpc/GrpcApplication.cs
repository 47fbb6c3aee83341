using System.Collections.Frozen;
using System.Text;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Server.Grpc.Http2;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.Hosting;
using Gateway.Server.OpenInference;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Grpc;

/// <summary>Checks what a call says of itself, and finds its method.</summary>
/// <remarks><b>Threading</b>: any. <b>Cost</b>: what a client's headers say is found out once, where it sends the same ones again as numbers.</remarks>
internal sealed class GrpcApplication(IReadOnlyList<GrpcMethod> methods, GrpcOptions options, TenantDirectory tenants)
{
    private const int MostPathBytes = 256;

    private readonly FrozenDictionary<string, GrpcMethod> _methods = methods.ToFrozenDictionary(method => method.Path, StringComparer.Ordinal);
    private readonly FrozenSet<string> _services = methods.Select(method => ServiceOf(method.Path)).ToFrozenSet(StringComparer.Ordinal);
    private readonly byte[]? _token = options.AccessToken is { } token ? Encoding.UTF8.GetBytes(token) : null;

    /// <summary>Begins a call whose headers have come; the reader's.</summary>
    public void Begin(GrpcCall call)
    {
        try
        {
            AcceptedHead? head = call.Headers.Accepted;
            if (head is not null) CheckAccess(call, head.Method);
            else head = call.Headers.Accepted = Accept(call);
            if (head is not null)
            {
                call.TimeoutMicroseconds = head.TimeoutMicroseconds;
                call.Reader.Most = options.MaxMessageBytes;
                call.Reader.Coding = head.Coding;
                if (head.Method is DirectMethod direct)
                {
                    call.Direct = direct;
                    call.IsRead = true;
                }
                else
                {
                    call.Stream.Serve((ServedMethod)head.Method);
                }

                return;
            }
        }
        catch (InferenceException error)
        {
            call.Fail(error.Status.ToGrpc(), error.Message);
        }
        catch (GrpcException error)
        {
            call.Fail(error.Status, error.Message);
        }

        call.Stream.EndServing();
    }

    /// <summary>Looks at the headers of a call.</summary>
    /// <returns>Null when it has been refused.</returns>
    private AcceptedHead? Accept(GrpcCall call)
    {
        RequestFields headers = call.Headers;
        if (!headers.IsPost)
        {
            call.ResponseHeaders.Allow = HttpMethods.Post;
            call.Refuse(StatusCodes.Status405MethodNotAllowed);
            return null;
        }

        if (!IsGrpc(headers.Find("content-type"u8)))
        {
            call.Refuse(StatusCodes.Status415UnsupportedMediaType);
            return null;
        }

        GrpcMethod method = Find(headers.Utf8Path) ?? throw Unknown(call.Path);
        CheckAccess(call, method);
        long timeout = Timeout(headers);
        ReadOnlySpan<byte> encoding = headers.Find("grpc-encoding"u8);
        if (encoding.IsEmpty || encoding.SequenceEqual("identity"u8)) return new AcceptedHead(method, timeout, ContentCoding.Identity);
        string name = Encoding.Latin1.GetString(encoding);
        if (MessageCoding.Parse(name) is { } coding) return new AcceptedHead(method, timeout, coding);
        call.ResponseHeaders[MessageCoding.AcceptHeader] = MessageCoding.Accepted;
        throw new GrpcException(GrpcStatus.Unimplemented, $"Compression '{name}' is not supported; supported are {MessageCoding.Accepted}");
    }

    private GrpcMethod? Find(ReadOnlySpan<byte> path)
    {
        if (path.Length > MostPathBytes) return null;
        Span<char> text = stackalloc char[MostPathBytes];
        int length = Encoding.Latin1.GetChars(path, text);
        return _methods.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(text[..length], out GrpcMethod? method) ? method : null;
    }

    private static bool IsGrpc(ReadOnlySpan<byte> contentType)
    {
        if (contentType.SequenceEqual("application/grpc"u8)) return true;
        int parameters = contentType.IndexOf((byte)';');
        if (parameters >= 0) contentType = contentType[..parameters].TrimEnd((byte)' ');
        return Ascii.EqualsIgnoreCase(contentType, GrpcCall.ContentType) || Ascii.EqualsIgnoreCase(contentType, GrpcCall.ContentType + "+proto");
    }

    private void CheckAccess(GrpcCall call, GrpcMethod method)
    {
        if (_token is not null && !method.IsOpen) CheckToken(((IHeaderDictionary)call.Headers).Authorization.ToString());
        if (method.Group is { } group && options.Restricted.Asks(group, out string? asked)) CheckRestriction(group, asked, call.Headers[asked].ToString());
    }

    private void CheckToken(string given)
    {
        if (!AccessToken.Admits(given, _token, tenants)) throw new InferenceException(StatusCode.Unauthenticated, AccessToken.Problem(given.Length > 0));
    }

    private void CheckRestriction(ApiGroup group, string asked, string given)
    {
        if (!options.Restricted.IsRight(group, given)) throw new GrpcException(GrpcStatus.Unavailable, RestrictedAccess.GrpcProblem(asked));
    }

    /// <summary>The time that the client gives the call, in microseconds: the lesser of gRPC's own and the one that all protocols here have.</summary>
    private static long Timeout(RequestFields headers)
    {
        ReadOnlySpan<byte> text = headers.Find(GrpcTimeout.Utf8Header);
        long timeout = GrpcTimeout.Parse(text) ?? throw new GrpcException(GrpcStatus.Internal, $"malformed grpc-timeout: '{Encoding.Latin1.GetString(text.Length > 64 ? text[..64] : text)}'");
        long other = TimeoutHeader.Read(headers);
        return other > 0 && (timeout == 0 || other < timeout) ? other : timeout;
    }

    private GrpcException Unknown(string path)
    {
        string service = ServiceOf(path);
        string shown = path.Length > MostPathBytes ? path[..MostPathBytes] : path;
        return new GrpcException(GrpcStatus.Unimplemented, _services.Contains(service) ? $"unknown method {shown[Math.Min(shown.Length, service.Length + 2)..]} for service {service}" : $"unknown service of {shown}");
    }

    private static string ServiceOf(string path)
    {
        int end = path.LastIndexOf('/');
        return end > 0 ? path[1..end] : "";
    }
}
