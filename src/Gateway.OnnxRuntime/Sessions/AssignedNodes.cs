using System.Runtime.InteropServices;

using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Sessions;

/// <summary>Reads which provider was given which nodes of a session's graph.</summary>
internal static unsafe class AssignedNodes
{
    /// <remarks>What the library hands out here stays its own.</remarks>
    public static List<OrtAssignedNode> Read(nint session)
    {
        OrtApi* api = OrtLibrary.Api;
        nint* subgraphs;
        nuint count;
        OrtStatus.Check(api->SessionGetEpGraphAssignmentInfo(session, &subgraphs, &count));
        List<OrtAssignedNode> all = [];
        for (nuint i = 0; i < count; i++)
        {
            string provider = Text(api->EpAssignedSubgraphGetEpName, subgraphs[i]);
            nint* nodes;
            nuint nodeCount;
            OrtStatus.Check(api->EpAssignedSubgraphGetNodes(subgraphs[i], &nodes, &nodeCount));
            for (nuint j = 0; j < nodeCount; j++)
            {
                all.Add(new OrtAssignedNode(provider, Text(api->EpAssignedNodeGetName, nodes[j]), Text(api->EpAssignedNodeGetOperatorType, nodes[j])));
            }
        }

        return all;
    }

    private static string Text(delegate* unmanaged<nint, byte**, nint> get, nint of)
    {
        byte* text;
        OrtStatus.Check(get(of, &text));
        return Marshal.PtrToStringUTF8((nint)text) ?? "";
    }
}
