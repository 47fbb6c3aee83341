using System.Collections.Frozen;
using System.Text;
using Gateway.Core.Memory;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.Hosting;
using Gateway.Server.OpenInference;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Server.Grpc;

/// <summary>gRPC on Kestrel's HTTP/2: checks what a call says of itself, and finds its method.</summary>
/// <remarks><b>Threading</b>: any. <b>Cost</b>: a call's own state lives as long as its stream's, so nothing is allocated for it.</remarks>
internal sealed class GrpcApplication(IReadOnlyList<GrpcMethod> methods, BlockPool pool, GrpcOptions options, TenantDirectory tenants, TimeProvider time)
    : IHttpApplication<GrpcCall>
{
    private readonly FrozenDictionary<string, GrpcMethod> _methods = methods.ToFrozenDictionary(method => method.Path, StringComparer.Ordinal);
    private readonly FrozenSet<string> _services = methods.Select(method => ServiceOf(method.Path)).ToFrozenSet(StringComparer.Ordinal);
    private readonly byte[]? _token = options.AccessToken is { } token ? Encoding.UTF8.GetBytes(token) : null;

    GrpcCall IHttpApplication<GrpcCall>.CreateContext(IFeatureCollection contextFeatures)
    {
        if (contextFeatures is not IHostContextContainer<GrpcCall> stream) return new GrpcCall(contextFeatures, pool, time);
        return stream.HostContext ??= new GrpcCall(contextFeatures, pool, time);
    }

    Task IHttpApplication<GrpcCall>.ProcessRequestAsync(GrpcCall context)
    {
        context.Arrival = time.GetTimestamp();
        GrpcMethod? method = null;
        try
        {
            method = Accept(context);
        }
        catch (InferenceException error)
        {
            context.Fail(error.Status.ToGrpc(), error.Message);
        }
        catch (GrpcException error)
        {
            context.Fail(error.Status, error.Message);
        }

        return method is null ? Task.CompletedTask : method.ServeAsync(context);
    }

    void IHttpApplication<GrpcCall>.DisposeContext(GrpcCall context, Exception? exception) => context.Clear();

    /// <summary>Looks at the headers of a call.</summary>
    /// <returns>Null when it has been refused.</returns>
    private GrpcMethod? Accept(GrpcCall call)
    {
        if (!HttpMethods.IsPost(call.Method))
        {
            call.ResponseHeaders.Allow = HttpMethods.Post;
            call.Refuse(StatusCodes.Status405MethodNotAllowed);
            return null;
        }

        IHeaderDictionary headers = call.Headers;
        if (!IsGrpc(headers.ContentType.ToString()))
        {
            call.Refuse(StatusCodes.Status415UnsupportedMediaType);
            return null;
        }

        if (!_methods.TryGetValue(call.Path, out GrpcMethod? method)) throw Unknown(call.Path);
        if (_token is not null && !method.IsOpen) CheckToken(headers.Authorization.ToString());
        if (method.Group is { } group && options.Restricted.Asks(group, out string? asked)) CheckRestriction(group, asked, headers[asked].ToString());
        call.TimeoutMicroseconds = Timeout(headers);
        call.Reader.Most = options.MaxMessageBytes;
        string encoding = headers[MessageCoding.EncodingHeader].ToString();
        if (MessageCoding.Parse(encoding) is not { } coding)
        {
            call.ResponseHeaders[MessageCoding.AcceptHeader] = MessageCoding.Accepted;
            throw new GrpcException(GrpcStatus.Unimplemented, $"Compression '{encoding}' is not supported; supported are {MessageCoding.Accepted}");
        }

        call.Reader.Coding = coding;
        return method;
    }

    private static bool IsGrpc(ReadOnlySpan<char> contentType)
    {
        if (contentType.SequenceEqual(GrpcCall.ContentType)) return true;
        int parameters = contentType.IndexOf(';');
        if (parameters >= 0) contentType = contentType[..parameters].TrimEnd();
        return contentType.Equals(GrpcCall.ContentType, StringComparison.OrdinalIgnoreCase) || contentType.Equals(GrpcCall.ContentType + "+proto", StringComparison.OrdinalIgnoreCase);
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
    private static long Timeout(IHeaderDictionary headers)
    {
        string text = headers[GrpcTimeout.Header].ToString();
        long timeout = GrpcTimeout.Parse(text) ?? throw new GrpcException(GrpcStatus.Internal, $"malformed grpc-timeout: '{(text.Length > 64 ? text[..64] : text)}'");
        long other = TimeoutHeader.Read(headers);
        return other > 0 && (timeout == 0 || other < timeout) ? other : timeout;
    }

    private GrpcException Unknown(string path)
    {
        string service = ServiceOf(path);
        string shown = path.Length > 256 ? path[..256] : path;
        return new GrpcException(GrpcStatus.Unimplemented, _services.Contains(service) ? $"unknown method {shown[Math.Min(shown.Length, service.Length + 2)..]} for service {service}" : $"unknown service of {shown}");
    }

    private static string ServiceOf(string path)
    {
        int end = path.LastIndexOf('/');
        return end > 0 ? path[1..end] : "";
    }
}
